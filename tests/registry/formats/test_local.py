"""Local files and folders: whole reads, and a clear sentence for everything that is no file."""

import os
import socket
from pathlib import Path

import pytest

from vaereg.registry.errors import FileError, NotFound, Unreadable
from vaereg.registry.formats.local import LocalFile, LocalFolder, is_folder


def test_reads_ranges_and_counts_bytes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(100)))
    with LocalFile(path) as source:
        assert (source.name, source.size) == (str(path), 100)
        assert source.read(10, 3) == b"\n\x0b\x0c"
        assert source.read(0, 100) == bytes(range(100))
        assert source.read(100, 0) == b""
        assert source.bytes_read == 103
        assert source.stamp().inode == path.stat().st_ino
        assert os.fstat(source.descriptor).st_size == source.stamp().size
    source.close()


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (-1, 2), (5, 2**62)])
def test_a_range_outside_the_file_is_refused(tmp_path, offset, length):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    with LocalFile(path) as source, pytest.raises(Unreadable, match="ends before"):
        source.read(offset, length)


def test_a_file_cut_while_it_is_read_is_noticed(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    with LocalFile(path) as source:
        os.truncate(path, 50)
        with pytest.raises(Unreadable, match="changed while it was read"):
            source.read(0, 100)


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (pipe, "is a pipe"),
        (unix_socket, "is a socket"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.symlink_to("/dev/null"), "is a device"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, monkeypatch, make, says):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "model.safetensors")
    with pytest.raises(Unreadable, match=says):
        LocalFile(tmp_path / "model.safetensors")


def test_a_file_swapped_for_a_pipe_between_look_and_open_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    as_file = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self: as_file)
    with pytest.raises(Unreadable, match="is a pipe"):
        LocalFile(path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("missing.safetensors", NotFound),
        ("a.bin/inside.safetensors", NotFound),
        ("nul\0.safetensors", NotFound),
        ("half\ud800.safetensors", NotFound),
        ("x" * 300, Unreadable),
    ],
)
def test_impossible_names_get_a_sentence(tmp_path, name, error):
    (tmp_path / "a.bin").write_bytes(b"x")
    for opened in (LocalFile, LocalFolder, is_folder):
        with pytest.raises(error) as caught:
            opened(f"{tmp_path}/{name}")
        assert caught.value.message.isprintable()


def test_no_permission_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Unreadable, match="Permission denied") as caught:
        LocalFile(path)
    assert caught.value.hint


def test_an_undecodable_name_is_opened(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.bin"
    with open(raw, "wb") as file:
        file.write(b"x")
    with LocalFile(os.fsdecode(raw)) as source:
        assert source.read(0, 1) == b"x"
    assert list(LocalFolder(tmp_path).files()) == ["caf\udce9.bin"]
    with LocalFolder(tmp_path).open("caf\udce9.bin") as source:
        assert source.size == 1


def write(path, size=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def test_a_folder_lists_two_folders_deep_without_hidden_names(tmp_path):
    for number, name in enumerate(
        ["top", "a/one", "a/b/two", "a/b/c/three", ".hidden", ".git/config", "a/.part"], 1
    ):
        write(tmp_path / name, number)
    assert LocalFolder(tmp_path).files() == {"a/b/two": 3, "a/one": 2, "top": 1}


def test_links_are_followed_and_loops_end(tmp_path):
    write(tmp_path / "blobs/abc", 7)
    snapshot = tmp_path / "snapshots"
    (snapshot / "vae").mkdir(parents=True)
    (snapshot / "vae/weights.bin").symlink_to("../../blobs/abc")
    (snapshot / "vae/gone.bin").symlink_to("../../blobs/def")
    (snapshot / "vae/again").symlink_to(snapshot)
    os.mkfifo(snapshot / "pipe")
    folder = LocalFolder(snapshot)
    assert folder.files() == {"vae/weights.bin": 7}
    with folder.open("vae/weights.bin") as source:
        assert source.read(0, 7) == bytes(7)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "vae", "", "nothing", ".hidden"])
def test_a_folder_opens_only_what_it_lists(tmp_path, name):
    write(tmp_path / "secret")
    write(tmp_path / "model/vae/config.json")
    write(tmp_path / "model/.hidden")
    with pytest.raises(FileError):
        LocalFolder(tmp_path / "model").open(name)


def test_a_file_is_no_folder(tmp_path):
    write(tmp_path / "file")
    with pytest.raises(Unreadable, match="is not a folder"):
        LocalFolder(tmp_path / "file")
