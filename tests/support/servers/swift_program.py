"""OpenStack Swift with its S3 interface in one process; run by `s3_server` inside Swift's own environment.

Arguments: folder for the data, access key (``account:user``), secret key, region, and port, 0 for any. It
prints ``ready`` and its port. Each input line, a number of seconds, advances the clock that decides when
addresses expire; the answer is ``turned``. It ends when its standard input closes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import eventlet
import eventlet.tpool
import eventlet.wsgi
from swift.common.middleware.s3api.utils import S3Timestamp
from swift.common.ring import RingBuilder
from swift.common.utils import monkey_patch, set_swift_dir
from swift.common.wsgi import SwiftHttpProtocol, loadapp

SERVERS = ("account", "container", "object")
CONFIGURATION = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
recon_cache_path = {folder}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
conn_timeout = 10
node_timeout = 60
container_update_timeout = 30
log_level = ERROR
[pipeline:main]
pipeline = {pipeline}
[app:{name}-server]
use = egg:swift#{name}
account_autocreate = true
error_suppression_limit = 1000000
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:slo]
use = egg:swift#slo
"""


def main(folder: Path, access_key: str, secret: str, region: str, port: str) -> None:
    monkey_patch()
    account, user = access_key.split(":")
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    set_swift_dir(str(folder))
    listeners = {name: eventlet.listen(("127.0.0.1", 0)) for name in SERVERS}
    listeners["proxy"] = eventlet.listen(("127.0.0.1", int(port)))
    for name in SERVERS:
        _write_ring(folder, name, listeners[name].getsockname()[1])
    for name, listener in listeners.items():
        pipeline = "s3api tempauth slo proxy-server" if name == "proxy" else f"{name}-server"
        path = folder / f"{name}.conf"
        path.write_text(
            CONFIGURATION.format(
                folder=folder,
                name=name,
                pipeline=pipeline,
                account=account,
                user=user,
                secret=secret,
                region=region,
            )
        )
        eventlet.spawn(_serve, listener, loadapp(str(path)))
    print("ready", listeners["proxy"].getsockname()[1], flush=True)  # noqa: T201 - awaited by the parent
    eventlet.tpool.execute(_advance_clock_on_request)


def _advance_clock_on_request() -> None:
    now = S3Timestamp.now
    ahead = 0.0
    for line in sys.stdin:
        ahead += float(line)
        by = round(ahead * 100_000)  # in the unit of Swift's clock
        S3Timestamp.now = staticmethod(lambda by=by: now(delta=by))
        print("turned", flush=True)  # noqa: T201 - awaited by the parent


def _write_ring(folder: Path, name: str, port: int) -> None:
    """Write a ring with one partition and one copy on the only device."""
    builder = RingBuilder(part_power=0, replicas=1, min_part_hours=0)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"region": 1, "zone": 1, "device": "disk", "weight": 1, "meta": "", **address})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{name}.ring.gz"))


def _serve(listener: eventlet.greenio.GreenSocket, application: object) -> None:
    # S3 clients expect "ETag", which eventlet would write as "Etag".
    eventlet.wsgi.server(
        listener,
        application,
        log_output=False,
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
