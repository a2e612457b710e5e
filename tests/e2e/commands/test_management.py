"""Administration without the HTTP API: accounts, videos, and the schema of the database."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from framecloak.adapters.postgres.schema import Schema
from framecloak.domain.errors import GalleryKeyMissingError
from framecloak.domain.model.accounts import Means, Principal
from framecloak.domain.reid.galleries.model import Enrolment
from framecloak.entrypoints.cli.admin.connection import OPERATOR
from support.patience import patience
from support.processes import command
from support.processes.forked import PIPE
from support.processes.installation import PASSWORD, Installation, error_line
from support.samples.galleries import SPACE, embedding
from support.samples.media import write_video

pytest_plugins = ("support.processes.shared_installation",)


def test_accounts_are_created_listed_and_locked(installation: Installation) -> None:
    created = installation.run("users", "create", "Ada", "--password-stdin", stdin=f"{PASSWORD}\n")
    number = created.out.removeprefix("account ").partition(":")[0]
    assert (created.code, created.out, created.err) == (0, f"account {number}: Ada (user)\n", "")

    again = installation.run("users", "create", "ada", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert "ada" in error_line(again, 101).lower()
    weak = installation.run("users", "create", "eve", "--password-stdin", stdin="hunter2\n")
    assert "12 to 1024 characters" in error_line(weak, 102)
    assert "hunter2" not in weak.err

    disabled = installation.run("users", "disable", "ADA")
    assert (disabled.code, disabled.out) == (0, f"account {number}: Ada is disabled\n")
    listed = installation.rows("users", "list")
    assert {"id": int(number), "username": "Ada", "role": "user", "disabled": True} in listed
    table = (installation.run("users", "list")).out
    assert [line.split()[5:8:2] for line in table.splitlines() if " Ada " in line] == [["user", "disabled"]]

    enabled = installation.run("users", "enable", "ada")
    assert (enabled.code, enabled.out) == (0, f"account {number}: Ada is enabled\n")
    unknown = installation.run("users", "enable", "nobody")
    assert "'nobody'" in error_line(unknown, 100)


def test_password_is_replaced_and_never_on_a_command_line(installation: Installation) -> None:
    installation.run("users", "create", "bob", "--password-stdin", stdin=f"{PASSWORD}\n")
    other = "a better horse battery"
    changed = installation.run("users", "password", "bob", "--password-stdin", stdin=f"{other}\n")
    assert (changed.code, changed.err) == (0, "")
    assert changed.out.endswith(": bob has a new password\n")
    assert (
        installation.portal.call(
            installation.service.use_cases.accounts.sign_in, "bob", other, "::1"
        ).user.username
        == "bob"
    )
    weak = installation.run("users", "password", "bob", "--password-stdin", stdin="hunter2\n")
    assert "12 to 1024 characters" in error_line(weak, 102)
    for arguments in (["create", "eve", PASSWORD], ["password", "bob", "--password", PASSWORD]):
        refused = installation.run("users", *arguments)
        assert PASSWORD not in refused.out
        assert refused.code == 2
    no_terminal = installation.run("users", "create", "eve", stdin="")
    assert "there is no terminal to read the password from" in error_line(no_terminal, 2)


def test_an_account_is_removed_after_it_handed_over(installation: Installation, tmp_path: Path) -> None:
    for name in ("leaver", "heir"):
        installation.run("users", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    film = write_video(tmp_path / "film.mp4", 3)
    installation.run("videos", "import", str(film), "--owner", "leaver")
    refused = installation.run("users", "remove", "leaver")
    assert "owns 1 videos, 0 requests and 0 galleries" in error_line(refused, 109)
    removed = installation.run("users", "remove", "leaver", "--transfer-to", "heir")
    assert (removed.code, removed.err) == (0, "")
    assert removed.out.endswith(": leaver is removed; heir owns what it owned\n")
    assert "leaver" not in {row["username"] for row in installation.rows("users", "list")}


def test_stored_files_are_verified(installation: Installation, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", 3)
    installation.run("videos", "import", str(film))
    intact = installation.run("storage", "verify", "--json")
    report = json.loads(intact.out)
    assert (intact.code, report["damaged"]) == (0, [])
    assert report["checked"] >= 1
    number = installation.rows("videos", "list")[0]["id"]
    folder = installation.service.settings.data_dir / "objects" / "videos"
    path = max(folder.iterdir(), key=lambda file: file.stat().st_mtime)
    content = path.read_bytes()
    path.write_bytes(content[::-1])
    damaged = installation.run("storage", "verify")
    path.write_bytes(content)
    assert damaged.code == 7
    assert f"video {number} (film.mp4), videos/{path.name}: it has the SHA-256 " in damaged.out
    assert "restore this object from a backup" in damaged.out


def test_settings_name_the_data_folder_of_the_command(tmp_path: Path, installation: Installation) -> None:
    rows = json.loads(installation.run("settings", "--json", "--data-dir", str(tmp_path)).out)
    assert {row["name"]: row["value"] for row in rows}["DATA_DIR"] == str(tmp_path)


def test_the_last_administrator_cannot_be_locked_out(installation: Installation) -> None:
    refused = installation.run("users", "disable", "root")
    assert "root is the last administrator" in error_line(refused, 25)


def test_invalid_video_file_does_not_stop_the_rest(installation: Installation, tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", 3)
    text = tmp_path / "notes.mp4"
    text.write_text("no video\n")
    missing = tmp_path / "missing.mp4"
    before = installation.objects
    done = installation.run("videos", "import", missing, text, good)
    assert done.code == 12
    assert [line.partition(":")[2] for line in done.out.splitlines()] == [" good.mp4, 128x96, 3 frames"]
    first, second = done.err.splitlines()
    assert first.startswith(f"framecloak: {missing} cannot be read (No such file or directory): ")
    assert second.startswith(f"framecloak: {text} is not a video that can be read: ")
    listed = installation.rows("videos", "list")
    assert listed[0] | {"id": 0} == {
        "id": 0,
        "filename": "good.mp4",
        "frames": 3,
        "size": "128x96",
        "owner_id": 1,
    }
    assert len(installation.objects - before) == 1
    table = installation.run("videos", "list")
    assert table.code == 0
    assert " good.mp4 " in table.out


def test_video_may_be_imported_for_another_user(installation: Installation, tmp_path: Path) -> None:
    installation.run("users", "create", "owner", "--password-stdin", stdin=f"{PASSWORD}\n")
    video_file = write_video(tmp_path / "owned.mp4", 3)
    assert (installation.run("videos", "import", video_file, "--owner", "OWNER")).code == 0
    users = installation.rows("users", "list")
    videos = installation.rows("videos", "list")
    assert [one["id"] for one in users if one["username"] == "owner"] == [videos[0]["owner_id"]]
    assert "'nobody'" in error_line(
        installation.run("videos", "import", video_file, "--owner", "nobody"), 100
    )


def test_audit_log_shows_users_and_actions(installation: Installation) -> None:
    installation.run("users", "create", "Zoe", "--password-stdin", stdin=f"{PASSWORD}\n")
    service, portal = installation.service, installation.portal
    portal.call(service.use_cases.accounts.sign_in, "zoe", PASSWORD, "192.0.2.7")
    zoe = next(row["id"] for row in installation.rows("users", "list") if row["username"] == "Zoe")

    newest, opened = installation.rows("audit", "--subject", f"user:{zoe}")
    facts = {"user_id": zoe, "username": "Zoe", "action": "session.open", "subject": f"user:{zoe}"}
    assert newest | facts | {"details": {"address": "192.0.2.7"}} == newest
    assert (opened["username"], opened["action"]) == ("operator", "user.create")
    assert installation.rows("audit", "--user", "ZOE") == [newest]
    assert installation.rows("audit", "--user", "zoe", "--since", "2000-01-01") == [newest]
    assert installation.rows("audit", "--since", "2999-01-01T00:00:00") == []
    assert installation.rows("audit", "--limit", "1") == [newest]

    table = installation.run("audit", "--user", "zoe", installed=True)
    assert table.code == 0
    assert "session.open" in table.out
    assert error_line(installation.run("audit", "--since", "yesterday"), 2)
    assert error_line(installation.run("audit", "--limit", "0"), 2)


def test_external_database_is_upgraded_only_on_request(
    empty_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
    }
    required = Schema(empty_database_url).required_revision
    for arguments in (["users", "list"], ["api", "--port", "0"], ["worker"]):
        refused = command.run(*arguments, environment=environment)
        assert refused.code == 50
        assert refused.err.splitlines()[-1].endswith("the database is empty: run: framecloak db upgrade")

    def db(*arguments: str) -> str:
        # Without Redis, which it does not use.
        bare = {**environment, "REDIS_URL": ""}
        done = command.run("db", *arguments, environment=bare, installed="downgrade" in arguments)
        assert (done.code, done.err) == (0, "")
        return done.out

    advice = f"(this version requires {required}: run `framecloak db upgrade`)"
    assert db("current") == f"none {advice}\n"
    for _ in range(2):
        assert db("upgrade") == f"the database has schema {required}\n"
    assert db("current") == f"{required} (this version requires {required}: up to date)\n"
    assert command.run("users", "list", "--json", environment=environment).out == "[]\n"

    unknown = command.run("db", "downgrade", "unheard-of", environment=environment)
    assert "cannot downgrade to 'unheard-of'" in error_line(unknown, 25)
    earlier = db("downgrade", "--", "-1").removeprefix("the database has schema ").strip()
    assert earlier != required
    refused = command.run("api", "--port", "0", environment=environment)
    assert refused.code == 50
    assert refused.err.splitlines()[-1].endswith("run: framecloak db upgrade")
    assert db("downgrade", "base") == "the database has schema none\n"
    assert not (tmp_path / "data" / "redis").exists()


def test_unreachable_database_ends_with_one_line(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/db", "DATA_DIR": str(tmp_path)}
    result = command.run("db", "current", environment=environment)
    error_line(result, 51)
    assert "hunter2" not in result.err


def test_concurrent_commands_share_the_embedded_servers(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    with ExitStack() as running:
        processes = [
            running.enter_context(
                command.start_forked(
                    *("users", "create", f"user{number}", "--password-stdin"),
                    environment=environment,
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=PIPE,
                )
            )
            for number in range(3)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.write(f"{PASSWORD}\n")
            process.stdin.flush()
        for number, process in enumerate(processes):
            out, err = process.communicate(timeout=patience(60))
            assert process.returncode == 0, err
            assert f": user{number} (user)" in out
    listed = command.run("users", "list", "--json", environment=environment)
    assert {one["username"] for one in json.loads(listed.out)} == {"user0", "user1", "user2"}
    assert not (tmp_path / "data" / "servers.json").exists()


def test_galleries_are_reencrypted_with_another_key(installation: Installation) -> None:
    call, service = installation.portal.call, installation.service
    (root,) = call(service.use_cases.account_administration.list_users, OPERATOR, 1, 0).items
    owner = Principal(root.id, root.username, root.role, Means.COMMAND)
    gallery = call(service.use_cases.galleries.create, owner, "patients", SPACE)
    call(service.use_cases.galleries.enrol, owner, gallery.id, [Enrolment("Ada", embedding(1))])
    keys = {"GALLERY_KEY": "another secret of forty characters or so"}
    sealed = call(service.use_cases.galleries.list, OPERATOR, 1, 0).total
    for count in (sealed, 0):
        environment = {**installation.environment, **keys}
        done = command.run("galleries", "rotate-key", environment=environment, installed=count > 0)
        assert (done.code, done.out, done.err) == (0, f"re-encrypted galleries: {count}\n", "")
    # This process does not have the new key, like one that was not restarted.
    with pytest.raises(GalleryKeyMissingError, match="GALLERY_OLD_KEYS"):
        call(service.use_cases.galleries.get, owner, gallery.id)
    missing = installation.run("galleries", "rotate-key")
    assert "GALLERY_OLD_KEYS" in error_line(missing, 113)
    back = {"GALLERY_OLD_KEYS": keys["GALLERY_KEY"]}
    done = command.run("galleries", "rotate-key", environment={**installation.environment, **back})
    assert done.code == 0
    (found,) = call(service.use_cases.galleries.search, owner, gallery.id, embedding(1), 0.9, 1)
    assert found.face.label == "Ada"
