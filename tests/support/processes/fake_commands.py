"""Fake versions of programs that cannot run in a test; they check their arguments against the repository.

Usage: fake_commands.py PROGRAM ARGUMENT...; exits with 1 and a message when an argument is wrong.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import click
import yaml

from framecloak.entrypoints.cli.main import framecloak
from support.deployment_files import DOCKER, ROOT, read_compose, read_dockerfile, read_kubernetes

MAKE = Path("/usr/bin/make")


def require(condition: object, complaint: str) -> None:
    if not condition:
        raise SystemExit(complaint)


def our_command(words: Sequence[str]) -> None:
    """Check that `framecloak` accepts these arguments."""
    require(words[:1] == ["framecloak"], f"{words} is none of our commands")
    command: click.Command = framecloak
    context = click.Context(framecloak, info_name="framecloak")
    rest = list(words[1:])
    while isinstance(command, click.Group):
        found = command.get_command(context, rest.pop(0))
        require(found, f"there is no command {words}")
        assert found is not None
        command = found
    command.make_context(command.name, rest)


def docker(words: Sequence[str]) -> None:
    if words[0] == "compose":
        compose(words[1:])
    elif words[0] == "build":
        build(words[1:])
    elif words[0] == "run":
        run(words[1:])
    else:
        require(words[:3] == ["buildx", "imagetools", "inspect"], f"docker {words}")
        bases = {stage.base.partition("$")[0] for stage in read_dockerfile().stages.values()}
        require(words[3] in bases, f"{words[3]} is no base of ours, which are {bases}")


def build(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--tag")
    parser.add_argument("--target")
    parser.add_argument("--build-arg", action="append", default=[])
    parser.add_argument("context", type=Path)
    given = parser.parse_args(words)
    require((ROOT / given.file).is_file(), f"there is no {given.file}")
    require((ROOT / given.context / "pyproject.toml").is_file(), f"{given.context} is not the checkout")
    require(given.target is None or given.target in read_dockerfile().stages, f"no target {given.target}")
    known = set(re.findall(r"^ARG (\w+)", (DOCKER / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    asked = {one.partition("=")[0] for one in given.build_arg}
    require(asked <= known, f"no arguments {asked - known}")


def run(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--publish")
    parser.add_argument("--gpus")
    parser.add_argument("--rm", action="store_true")
    parser.add_argument("--volume", action="append")
    parser.add_argument("image")
    given, command = parser.parse_known_args(words)
    if given.rm:
        copy_volume(given.volume, command)
    else:
        serve(given)


def serve(given: argparse.Namespace) -> None:
    image = read_dockerfile()
    require(given.image == "framecloak", f"no image {given.image}")
    port, folder = given.publish.partition(":")[2], given.volume[0].partition(":")[2]
    require(image.environment("framecloak")["DATA_DIR"] == folder, f"nothing is kept in {folder}")
    require(port in image.stages["framecloak"].all("EXPOSE"), f"nobody listens on {port}")


def copy_volume(volumes: Sequence[str], command: Sequence[str]) -> None:
    """Check a program that reads a volume of the compose file, to make a copy of it."""
    source, place, *_ = volumes[0].split(":")
    known = read_compose("compose.yaml")
    require(source in {f"{known['name']}_{one}" for one in known["volumes"]}, f"no volume {source}")
    require(any(word.endswith(f"={place}") for word in command), f"nothing is read from {place}")


def compose(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, action="append", required=True)
    parser.add_argument("--env-file", type=Path, action="append", default=[])
    parser.add_argument("verb", choices=("up", "exec", "build", "stop"))
    given, rest = parser.parse_known_args(words)
    for file in (*given.file, *given.env_file):
        require((ROOT / file).is_file() and (ROOT / file).parent == DOCKER, f"there is no {file}")
    services = read_compose(*(file.name for file in given.file))["services"]
    if given.verb == "exec":
        # Arguments after the service name are for the container.
        service, *command = (word for word in words[words.index("exec") + 1 :] if word != "-T")
        require(service in services, f"no service {service}")
        if "build" in services[service]:
            our_command(command)
        else:
            require("healthcheck" in services[service], f"nobody knows when {service} can be asked")
    elif given.verb == "stop":
        require(set(rest) <= set(services), f"no services {rest}")
    else:
        require(set(rest) <= {"--detach", "--wait"}, f"options {rest}")


def kubectl(words: Sequence[str]) -> None:
    verb, *rest = words
    plain = [word for word in rest if not word.startswith("--")]
    if verb == "create":
        create_secret(rest)
    elif verb == "apply":
        require(rest[0] == "--kustomize", f"kubectl {words}")
        named = yaml.safe_load((ROOT / rest[1] / "kustomization.yaml").read_text("utf-8"))["resources"]
        require(all((ROOT / rest[1] / one).is_file() for one in named), f"some of {named} are missing")
    elif verb == "wait" and plain == ["pod"]:
        label = next(word for word in rest if word.startswith("--selector=")).removeprefix("--selector=")
        name, _, value = label.partition("=")
        labelled = [one for one in read_kubernetes() if one["kind"] in {"Deployment", "Job"}]
        for one in labelled:
            require(one["spec"]["template"]["metadata"]["labels"].get(name) == value, f"{one} has no {label}")
    else:
        require(verb in {"annotate", "delete", "scale", "wait"}, f"kubectl {words}")
        kind, _, first = plain[0].partition("/")
        names = [first] if first else [one for one in plain[1:] if "=" not in one and not one.endswith("-")]
        known = {(one["kind"].lower(), one["metadata"]["name"]) for one in read_kubernetes()}
        require({(kind, name) for name in names} <= known, f"{names} are not all there")


def create_secret(words: Sequence[str]) -> None:
    require(list(words[:2]) == ["secret", "generic"], f"kubectl create {words}")
    kubernetes = read_kubernetes()
    mounted = {
        volume["secret"]["secretName"]
        for found in kubernetes
        if found["kind"] == "Deployment"
        for volume in found["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    require(words[2] in mounted, f"nobody mounts the secret {words[2]}")
    files = {Path(word.removeprefix("--from-file=")) for word in words[3:]}
    read = {
        Path(value).name
        for found in kubernetes
        if found["kind"] == "ConfigMap"
        for name, value in found["data"].items()
        if name.endswith("_FILE")
    }
    require({str(file.parent) for file in files} == {"docker/secrets"}, f"no secrets in {files}")
    require({file.name for file in files} == read, f"pods read {read}")


def pip(words: Sequence[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = chain(project["dependencies"], *extras.values())
    packages = {re.split(r"[\[<>=]", one)[0] for one in named}
    require(words[0] in {"install", "uninstall"}, f"pip {words}")
    for word in words[1:]:
        name, _, asked = word.rstrip("]").partition("[")
        if name == project["name"]:
            require(set(asked.split(",")) <= set(extras), f"no extras {asked}")
        else:
            options = {"--yes", "--force-reinstall", "--no-deps"}
            require(name in packages | options, f"{name} is nothing that we need")


def make(words: Sequence[str]) -> None:
    done = subprocess.run([MAKE, "--dry-run", "--directory", ROOT, *words], check=False, capture_output=True)
    require(done.returncode == 0, done.stderr.decode())


def pre_commit(words: Sequence[str]) -> None:
    require(words == ["install"] and (ROOT / ".pre-commit-config.yaml").is_file(), f"pre-commit {words}")


PROGRAMS: dict[str, Callable[[Sequence[str]], None]] = {
    "docker": docker,
    "kubectl": kubectl,
    "make": make,
    "pip": pip,
    "pre-commit": pre_commit,
    "stand-in": our_command,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](sys.argv[2:])
