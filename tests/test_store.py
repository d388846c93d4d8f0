"""Photo stores: the same pictures to the bit, packed through kills and full disks, refused where they are not whole."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trouble import disk, fill, make_read_only

from srgan_lessons import UserError
from srgan_lessons.cli import main
from srgan_lessons.datasets import CropSampler, leakage, load_photos, open_store, pack
from srgan_lessons.datasets import crops as crops_module
from srgan_lessons.datasets import packing as packing_module
from srgan_lessons.doctor import examine
from srgan_lessons.training import Recipe, train

KILLS = 30
TINY = Recipe(name="tiny", blocks=1, channels=4, steps=12, batch=4, crop=32)


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def make_photos(folder: Path, count: int = 12, height: int = 96, width: int = 110) -> Path:
    folder.mkdir(parents=True)
    for k in range(count):
        Image.fromarray(noise(k, height + k, width)).save(folder / f"p{k:03}.png", compress_level=1)
    return folder


@pytest.fixture
def folder(tmp_path):
    """Twelve photos, and what is left out for three reasons."""
    photos = make_photos(tmp_path / "photos")
    (photos / "twin.png").write_bytes((photos / "p003.png").read_bytes())
    (photos / "cut.png").write_bytes((photos / "p004.png").read_bytes()[:-900])
    Image.fromarray(noise(99, 40, 200)).save(photos / "small.png")
    (photos / "notes.txt").write_text("-")
    return photos


@pytest.fixture
def packed(folder, tmp_path):
    return pack([folder], tmp_path / "a.store", progress=False).path


def contents(photos):
    """What must not depend on where photos are."""
    images = {name: (image.shape, image.tobytes()) for name, image in photos.images.items()}
    return images, photos.hashes, photos.left_out, photos.not_pictures, [list(part) for part in photos.split()]


# -- the same pictures -----------------------------------------------------------------------------------------------


def test_a_store_holds_what_the_folder_holds(folder, packed):
    plain, stored = load_photos(folder, progress=False), load_photos(packed)
    assert contents(plain) == contents(stored)
    assert list(plain.left_out) == list(stored.left_out) == ["photos/cut.png", "photos/small.png", "photos/twin.png"]
    assert (plain.store, stored.store) == (None, packed)
    assert "mapped from the store" in stored.report()
    size = sum(image.nbytes for image in plain.images.values()) / 1e6
    assert f"in memory: {size:.1f} MB" in plain.report()


def test_the_smallest_side_is_chosen_when_a_store_is_read(folder, packed):
    assert contents(load_photos(folder, minimum=40, progress=False)) == contents(load_photos(packed, minimum=40))
    with pytest.raises(UserError, match=r"no usable picture in .*a\.store"):
        load_photos(packed, minimum=500)


def test_the_pixels_lie_in_the_file_as_they_are(packed):
    """By the documented layout alone: a head of 4096 bytes, whose second line is JSON, then pixels, then the index."""
    data = packed.read_bytes()
    head = json.loads(data[:4096].split(b"\n")[1])
    assert head["bytes"] == len(data)
    index = json.loads(data[4096 + 3 * head["pixels"] :])
    first, height, width, *_ = index["pictures"]["photos/p005.png"]
    pixels = np.frombuffer(data, np.uint8, 3 * height * width, 4096 + 3 * first).reshape(height, width, 3)
    assert (pixels == noise(5, 101, 110)).all()


def test_crops_are_the_same_bits(folder, packed, monkeypatch):
    """From memory, from the store, and staged, as for a GPU that is too small."""
    samplers = [CropSampler(load_photos(s, progress=False).split()[0], batch=8, seed=5) for s in (folder, packed)]
    assert not np.may_share_memory(samplers[0].pixels.numpy(), samplers[1].pixels.numpy())
    monkeypatch.setattr(crops_module, "room_for_photos", lambda device: 0)
    samplers.append(CropSampler(load_photos(packed).split()[0], batch=8, seed=5))
    samplers += [CropSampler(load_photos(packed).split()[0], batch=8, seed=5, rank=r, world=2) for r in (0, 1)]
    assert [sampler.staged for sampler in samplers] == [False, False, True, True, True]
    assert samplers[2].pixels.numel() < samplers[1].pixels.numel() * 20
    for step in (*range(40), 63, 64, 65, 3, 4, 1000):  # on and on, and to and fro
        memory, store, staged, *halves = [sampler(step) for sampler in samplers]
        for k in (0, 1):
            assert torch.equal(memory[k], store[k])
            assert torch.equal(memory[k], staged[k])
            assert torch.equal(memory[k], torch.cat([half[k] for half in halves]))


def test_crops_are_cut_ahead(packed, monkeypatch):
    """When a batch is asked for, the thread is at work on the ones after it, and no further ahead than it has room."""
    monkeypatch.setattr(crops_module, "room_for_photos", lambda device: 0)
    sampler = CropSampler(load_photos(packed).split()[0], batch=4, crop=32)
    drawn = []
    real = sampler._staging.draw
    sampler._staging.draw = lambda step: drawn.append(step) or real(step)
    sampler(0)
    until = time.monotonic() + 20
    while len(drawn) < 15 and time.monotonic() < until:
        time.sleep(0.01)
    assert drawn == list(range(15))
    sampler(1)
    while len(drawn) < 16 and time.monotonic() < until:
        time.sleep(0.01)
    assert drawn == list(range(16))


def test_a_fault_of_the_thread_reaches_the_caller(packed, monkeypatch):
    monkeypatch.setattr(crops_module, "room_for_photos", lambda device: 0)
    sampler = CropSampler(load_photos(packed).split()[0], batch=4, crop=32)

    def fail(step):
        raise OSError(errno.EIO, "the disk is gone")

    sampler._staging.draw = fail
    with pytest.raises(OSError, match="the disk is gone"):
        sampler(0)


@pytest.mark.parametrize("staged", [False, True], ids=["plain", "staged"])
def test_training_from_a_store_gives_the_same_weights(folder, packed, tmp_path, monkeypatch, staged):
    options = {"progress": False, "log_every": 4}
    memory = train(TINY, folder, run=tmp_path / "memory", **options)
    if staged:
        monkeypatch.setattr(crops_module, "room_for_photos", lambda device: 0)
    store = train(TINY, packed, run=tmp_path / "store", **options)
    assert [{**row, "updates_per_s": 0} for row in memory.log] == [{**row, "updates_per_s": 0} for row in store.log]
    for a, b in zip(memory.network.state_dict().values(), store.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_run_goes_on_from_the_other(folder, packed, tmp_path):
    """Begun from the folder, ended from the store: the pixels decide, not where they are."""
    options = {"progress": False, "log_every": 4}
    whole = train(TINY, folder, run=tmp_path / "whole", **options)
    assert not train(TINY, folder, run=tmp_path / "parts", minutes=1e-9, **options).finished
    parts = train(TINY, packed, run=tmp_path / "parts", **options)
    for a, b in zip(whole.network.state_dict().values(), parts.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_pictures_are_held_once(packed, folder):
    """Training pictures, held-out ones and the sampler's pixels are views of one array."""
    for source in (folder, packed):
        photos = load_photos(source, progress=False)
        training, held_out = photos.split()
        sampler = CropSampler(training, crop=32)
        for part in (training, held_out):
            assert all(np.shares_memory(image, photos.images.pixels) for image in part.values())
        assert sampler.pixels.data_ptr() == photos.images.pixels.ctypes.data


# -- found again -----------------------------------------------------------------------------------------------------


def test_a_cached_store_is_found_without_decoding(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    first = load_photos(folder, progress=False)
    assert first.store is not None
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    moved = folder.parent / "elsewhere" / "photos"
    moved.parent.mkdir()
    folder.rename(moved)

    def decode(*_):
        raise AssertionError("decoded again")

    with monkeypatch.context() as context:
        context.setattr(packing_module, "decode", decode)
        again = load_photos(moved, progress=False)
    assert again.store == first.store
    assert contents(again) == contents(first)
    Image.fromarray(noise(5, 101, 110) ^ 1).save(moved / "p005.png", compress_level=1)
    os.utime(moved / "p005.png", ns=(0, 0))
    changed = load_photos(moved, progress=False)
    assert (changed.images["photos/p005.png"] == noise(5, 101, 110) ^ 1).all()


def test_doctor_names_stores(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    store = load_photos(folder, progress=False).store
    broken = store.with_name("broken.store")
    broken.write_bytes(store.read_bytes()[:-1])
    (store.parent / ".other.store.part").write_bytes(b"-")
    found = {f.text: f.state for f in examine() if f.topic == "photo store"}
    assert found[f"{store}: 13 pictures, 0.00 GB"] == "OK"
    assert any("cut short" in text and state == "--" for text, state in found.items())
    assert any("unfinished" in text for text in found)


def test_processes_share_when_the_store_cannot_be_written(folder, monkeypatch, tmp_path):
    """A data folder that cannot be written: each process takes the photos into its memory, and says so."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "file" / "data"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.warns(UserWarning, match="each process holds the pictures"):
        assert load_photos(folder, progress=False).store is None


# -- packing goes on -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")
def test_killed_at_any_moment(tmp_path):
    """In a process of its own, which has no threads yet and can be forked."""
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills" in done.stdout


def _pack_in_a_fork(folder, target) -> int:
    child = os.fork()
    if child == 0:
        try:
            packing_module.SYNC = 30e3
            pack([folder], target, threads=1, progress=False)
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    return child


def _kill_and_compare(tmp_path):
    """What a store holds after kills is what it holds without; and nothing ever looks whole that is not."""
    folder, target = make_photos(tmp_path / "photos", 40, 200, 200), tmp_path / "a.store"
    began = time.monotonic()
    assert os.waitpid(_pack_in_a_fork(folder, tmp_path / "whole.store"), 0)[1] == 0
    usual, dice = time.monotonic() - began, random.Random(0)
    kills = under_way = whole = 0
    journal = target.with_name(".a.store.jsonl")
    while kills < KILLS:
        child = _pack_in_a_fork(folder, target)
        time.sleep(dice.uniform(0, 0.5 * usual))
        os.kill(child, signal.SIGKILL)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        kills += killed
        if target.exists():
            whole += 1
            assert open_store(target).damaged(progress=False) == []
            assert target.read_bytes() == (tmp_path / "whole.store").read_bytes()
            target.unlink()
        else:
            under_way += killed and journal.exists() and journal.read_bytes().count(b"\n") > 1
    assert pack([folder], target, progress=False).damaged(progress=False) == []
    assert target.read_bytes() == (tmp_path / "whole.store").read_bytes()
    assert contents(load_photos(target)) == contents(load_photos(folder, progress=False))
    assert under_way > KILLS / 3
    print(f"{kills} kills, {under_way} of them of a store that was packed in part; {whole} whole stores compared")


def test_packing_goes_on_where_it_was(folder, tmp_path, monkeypatch):
    """After a stop in the middle only what is missing is decoded, also where a photo has changed meanwhile."""
    target, real = tmp_path / "a.store", packing_module.decode

    def stop_after_five(jobs, threads):
        for k, pair in enumerate(real(jobs, threads)):
            if k == 5:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(packing_module, "decode", stop_after_five)
    with pytest.raises(KeyboardInterrupt):
        pack([folder], target, progress=False)
    assert not target.exists()
    Image.fromarray(noise(77, 100, 100)).save(folder / "p003.png")
    asked = []
    monkeypatch.setattr(packing_module, "decode", lambda jobs, threads: asked.extend(jobs) or real(jobs, threads))
    pack([folder], target, progress=False)
    assert [name for name in asked if name < "photos/p004.png"] == ["photos/cut.png", "photos/p003.png"]
    assert contents(load_photos(target)) == contents(load_photos(folder, progress=False))
    assert [path.name for path in tmp_path.iterdir() if "store" in path.name and path.name != "a.store"] == [
        ".a.store.lock"
    ]


def test_lost_ends_of_part_and_journal_are_packed_again(folder, tmp_path, monkeypatch):
    """As a power cut leaves them: half a line, and lines whose pixels the disk has not."""
    target = tmp_path / "a.store"
    monkeypatch.setattr(packing_module, "_judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        pack([folder], target, progress=False)
    monkeypatch.undo()
    part, journal = tmp_path / ".a.store.part", tmp_path / ".a.store.jsonl"
    os.truncate(part, part.stat().st_size - 100_000)
    journal.write_bytes(journal.read_bytes()[:-7])
    store = pack([folder], target, progress=False)
    assert store.damaged(progress=False) == []
    assert contents(load_photos(target)) == contents(load_photos(folder, progress=False))


def test_two_processes_pack_one_store(folder, tmp_path):
    command = [sys.executable, "-m", "srgan_lessons", "data", "pack", str(folder), "-o", str(tmp_path / "a.store")]
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    assert contents(load_photos(tmp_path / "a.store")) == contents(load_photos(folder, progress=False))


def test_benchmark_images_are_not_packed(benchmark_data, tmp_path):
    with pytest.raises(UserError, match=r"in .*, 5 pictures are benchmark images: "):
        pack([benchmark_data / "Set5" / "HR"], tmp_path / "a.store", progress=False)
    assert not (tmp_path / "a.store").exists()


def test_nothing_is_left_of_a_store_without_pictures(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"text")
    with pytest.raises(UserError, match=r"no usable picture in .*\n  in/a\.png: "):
        pack([tmp_path / "in"], tmp_path / "a.store", progress=False)
    assert {path.name for path in tmp_path.iterdir()} <= {"in", ".a.store.lock"}


def test_a_store_is_looked_through_again_when_it_is_read(packed, monkeypatch):
    """Packed when no benchmark image was known that looks like one of its photos."""
    looks = leakage.perceptual_hash(noise(5, 101, 110))
    monkeypatch.setattr(leakage, "_stacked", lambda: (["Set5 img_001"], looks[None]))
    with pytest.raises(UserError, match=r"photos/p005\.png is Set5 img_001"):
        load_photos(packed)


# -- what is refused -------------------------------------------------------------------------------------------------


def _change(path, at, new):
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(data)


def _empty(path):
    path.write_bytes(b"")


def _cut(path):
    os.truncate(path, path.stat().st_size - 1)


def _cut_to_its_head(path):
    os.truncate(path, 4096)


def _longer(path):
    path.write_bytes(path.read_bytes() + b"-")


def _without_its_end(path):
    """As a copy that was given its length first and then ended."""
    _change(path, path.stat().st_size - 500, bytes(500))


def _younger(path):
    head = path.read_bytes()[:4096].replace(b'"version": 1', b'"version": 9')
    _change(path, 0, head)


def _no_head(path):
    _change(path, 0, bytes(4096))


def _torn_head(path):
    _change(path, 30, bytes(4066))


def _png(path):
    Image.fromarray(noise(1, 100, 100)).save(path, "PNG")


def _remove(path):
    path.unlink()


BAD = {
    _empty: "it is not a photo store",
    _cut: r"cut short: it has [\d,]+ of [\d,]+ bytes\. If it is a copy, copy it again\.",
    _cut_to_its_head: "cut short",
    _longer: "cut short",
    _without_its_end: "its index has changed",
    _younger: "has format 9, but this version of the course reads format 1",
    _no_head: "it is not a photo store",
    _torn_head: "its head cannot be read",
    _png: "is a file, not a folder, and it is not a photo store",
    _remove: "there is no photo store",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda f: f.__name__.strip("_"))
def test_bad_stores_are_refused(packed, spoil, capsys):
    spoil(packed)
    with pytest.raises(UserError, match=BAD[spoil]):
        load_photos(packed)
    assert main(["train", "espcn", "--photos", str(packed), "--folder", str(packed.parent / "run")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (packed.parent / "run" / "checkpoints").exists()


def test_the_advice_for_a_bad_store_works(folder, packed, capsys):
    """Remove, pack again: the second alone is refused, and says the first."""
    _cut(packed)
    command = ["data", "pack", str(folder), "-o", str(packed)]
    assert main(command) == 2
    assert "Remove it, and pack the pictures again" in capsys.readouterr().err
    packed.unlink()
    assert main(command) == 0


def test_a_store_is_not_packed_again(folder, packed, capsys):
    """The refusal says how a store is used: as a source of training."""
    for sources in ([packed], [folder, packed]):
        assert main(["data", "pack", *map(str, sources), "-o", str(packed.with_name("b.store"))]) == 2
        assert f"{packed} is already a photo store. Train from it with --photos" in capsys.readouterr().err
    assert not packed.with_name("b.store").exists()


def test_damaged_pixels_are_found(packed, capsys):
    assert main(["data", "verify", str(packed)]) == 0
    first = open_store(packed).images.places["photos/p007.png"].first
    _change(packed, 4096 + 3 * first + 1000, b"\x00\xff")
    assert main(["data", "verify", "Set5", str(packed)]) == 1  # sets and stores may be named together
    said = capsys.readouterr().out
    assert "Set5 in " in said
    assert "damaged: photos/p007.png" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}", "{store}"], "is a photo store, which must be the only source"),
        (["{store}", "{store}"], "is a photo store, which must be the only source"),
        (["{folder}/notes.txt"], "it is not a photo store"),
    ],
)
def test_stores_and_folders_are_not_mixed(folder, packed, arguments, words):
    with pytest.raises(UserError, match=words):
        load_photos([text.format(folder=folder, store=packed) for text in arguments])


def test_where_a_store_cannot_be_packed(folder, packed, tmp_path, capsys):
    other = make_photos(tmp_path / "other", 2)
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in {
        (str(other), "-o", str(packed)): "holds other pictures",
        (str(folder), "-o", str(folder / "p000.png")): "ends in .store",
        (str(folder), "-o", str(tmp_path)): "ends in .store",
        (str(empty), "-o", str(tmp_path / "e.store")): "no usable picture",
        (str(tmp_path / "none"), "-o", str(tmp_path / "e.store")): "does not exist",
        ("samples", "-o", str(tmp_path / "e.store")): "need no store",
        (str(folder), "-o", str(tmp_path / "e.store"), "--threads", "0"): "must be at least 1",
        (str(folder), "-o", "/proc/e.store"): "was not written",
    }.items():
        assert main(["data", "pack", *arguments]) == 2, arguments
        assert words in capsys.readouterr().err
    assert open_store(packed).damaged(progress=False) == []


def test_a_disk_that_is_too_small_is_said_before(tmp_path, capsys):
    photos = make_photos(tmp_path / "photos", 20, 200, 200)  # 2.5 MB
    with disk(tmp_path / "disk", 1) as small:
        assert main(["data", "pack", str(photos), "-o", str(small / "a.store")]) == 2
        error = capsys.readouterr().err
        assert "its decoded pictures take 0.00 GB" in error
        assert not (small / "a.store").exists()


def test_a_disk_that_fills_up_meanwhile(tmp_path, capsys, monkeypatch):
    photos = make_photos(tmp_path / "photos", 20, 200, 200)
    monkeypatch.setattr(packing_module, "SYNC", 1e5)
    with disk(tmp_path / "disk", 4) as small:
        real = packing_module.decode

        def fill_it(jobs, threads):
            for k, pair in enumerate(real(jobs, threads)):
                if k == 8:
                    fill(small)
                yield pair

        monkeypatch.setattr(packing_module, "decode", fill_it)
        assert main(["data", "pack", str(photos), "-o", str(small / "a.store")]) == 2
        assert "the disk is full" in capsys.readouterr().err
        assert not (small / "a.store").exists()
        (small / "filler").unlink()
        asked = []
        monkeypatch.setattr(packing_module, "decode", lambda jobs, threads: asked.extend(jobs) or real(jobs, threads))
        assert main(["data", "pack", str(photos), "-o", str(small / "a.store")]) == 0
        assert 0 < len(asked) <= 14  # the others were kept
        assert contents(load_photos(small / "a.store")) == contents(load_photos(photos, progress=False))


def test_a_read_only_disk(folder, packed, tmp_path, capsys):
    with disk(tmp_path / "disk", 4) as place:
        (place / "a.store").write_bytes(packed.read_bytes())
        make_read_only(place)
        assert contents(load_photos(place / "a.store")) == contents(load_photos(packed))
        run = train(TINY, place / "a.store", run=tmp_path / "run", progress=False)
        assert run.finished
        assert main(["data", "pack", str(folder), "-o", str(place / "b.store")]) == 2
        assert "no permission" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a mapped file cannot be deleted on Windows")
def test_deleted_while_in_use(packed, tmp_path):
    """The system keeps the file as long as it is mapped: this call ends well, and the next one is told."""
    photos = load_photos(packed)
    whole = train(TINY, photos, run=tmp_path / "whole", progress=False)

    def delete(row):
        packed.unlink(missing_ok=True)

    run = train(TINY, load_photos(packed), run=tmp_path / "run", on_report=delete, log_every=2, progress=False)
    assert run.finished
    assert not packed.exists()
    for a, b in zip(whole.network.state_dict().values(), run.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(UserError, match="there is no photo store"):
        load_photos(packed)


if __name__ == "__main__":
    _kill_and_compare(Path(sys.argv[1]))
