"""The batch engine with functions of the test's own: overlap, order, bounds, failures, interrupts."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from genkit.errors import InputError, OutputError, WeightsError
from genkit.run import batch
from genkit.run.batch import Skip
from genkit.run.plan import Item


def items(count: int, side: int = 100) -> list[Item]:
    size = (side, side)
    return [
        Item(index, f"in{index}", Path(f"in{index}"), Path(f"out{index}"), "PNG", input_size=size, size=size)
        for index in range(count)
    ]


class Record:
    """Collects events, and knows how many items are where."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == event]


def go(
    count: int, record: Record, *, read: Any = None, process: Any = None, write: Any = None, workers: int = 1, **options: Any
) -> batch.Counts:
    return batch.run(
        options.pop("plan", None) or items(count),
        read=read or (lambda item: item.index),
        prepare=lambda: [process or (lambda item, loaded: loaded)] * workers,
        write=write or (lambda item, result: {"result": result}),
        emit=record,
        **options,
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_goes_through_and_ends_are_told_in_the_order_of_the_plan(workers: int):
    record = Record()

    def write(item: Item, result: int) -> dict[str, Any]:
        time.sleep(0.02 if item.index % 3 == 0 else 0)
        return {"result": result}

    counts = go(12, record, write=write, workers=workers)
    assert [one["result"] for one in record.named("done-item")] == list(range(12))
    assert (counts.done, counts.failed, counts.left, counts.exit_code) == (12, 0, 0, 0)
    assert counts.megapixels == pytest.approx(0.12)


@pytest.mark.parametrize("stage", ["read", "process", "write"])
def test_a_failure_anywhere_is_told_and_passed_over(stage: str):
    record = Record()

    def fail(item: Item, *rest: Any) -> Any:
        if item.index == 2:
            raise InputError(f"{item.name}: torn", "mend it")
        return {"ok": True} if stage == "write" else item.index

    counts = go(5, record, **{stage: fail})
    (failed,) = record.named("failed")
    assert failed["input"] == "in2" and failed["message"] == "in2: torn" and failed["hint"] == "mend it"
    assert [one["input"] for one in record.named("done-item")] == ["in0", "in1", "in3", "in4"]
    assert counts.exit_code == 1 and counts.failed == 1


def test_a_bug_in_one_item_does_not_end_the_batch():
    record = Record()
    counts = go(3, record, process=lambda item, loaded: 1 // loaded)
    (failed,) = record.named("failed")
    assert failed["code"] == "bug" and "ZeroDivisionError" in failed["message"] and counts.done == 2


def test_what_needs_no_work_loads_no_model():
    record = Record()
    counts = batch.run(
        items(3),
        read=lambda item: Skip("already made"),
        prepare=lambda: pytest.fail("loaded"),
        write=lambda *_: {},
        emit=record,
    )
    assert counts.skipped == 3 and counts.exit_code == 0
    assert [one["reason"] for one in record.named("skipped")] == ["already made"] * 3


def test_a_model_that_cannot_be_had_ends_the_batch():
    def prepare() -> Any:
        raise WeightsError("gone")

    with pytest.raises(WeightsError):
        batch.run(items(9), read=lambda item: 1, prepare=prepare, write=lambda *_: {}, emit=Record())


def test_reading_processing_and_writing_overlap():
    """Three stages of 10 ms each take little more than one of them alone."""
    record = Record()

    def slow(result: Any) -> Any:
        time.sleep(0.01)
        return result

    begun = time.monotonic()
    go(
        30,
        record,
        read=lambda item: slow(1),
        process=lambda item, loaded: slow(loaded),
        write=lambda item, result: slow({}),
    )
    assert time.monotonic() - begun < 0.75 * 30 * 0.03


@pytest.mark.parametrize("slow", ["process", "write"])
def test_what_waits_is_bounded_in_number_and_bytes(slow: str):
    lock, held, most = threading.Lock(), [0], [0]

    def count(change: int) -> None:
        with lock:
            held[0] += change
            most[0] = max(most[0], held[0])

    def read(item: Item) -> int:
        count(+1)
        return 1

    def process(item: Item, loaded: int) -> int:
        time.sleep(0.004 if slow == "process" else 0)
        return 1

    def write(item: Item, result: int) -> dict[str, Any]:
        time.sleep(0.004 if slow == "write" else 0)
        count(-1)
        return {}

    go(60, Record(), read=read, process=process, write=write)
    assert held[0] == 0 and most[0] <= batch.AHEAD + batch.BEHIND
    most[0] = 0
    one = 100 * 100 * 3
    go(30, Record(), read=read, process=process, write=write, memory=4 * one)  # one ahead, three behind
    assert most[0] <= 4


def test_several_workers_run_at_once():
    """As on several GPUs: the first in the caller's thread, the others in threads of their own."""
    meet, threads = threading.Barrier(3, timeout=10), set()

    def process(item: Item, loaded: int) -> int:
        threads.add(threading.current_thread())
        meet.wait()
        return loaded

    assert go(12, Record(), process=process, workers=3).done == 12
    assert len(threads) == 3 and threading.main_thread() in threads


def test_several_workers_do_not_wait_for_the_writers():
    """While two outputs are being written, all four workers have another item in hand, and one more is read ahead."""
    busy, read_on = threading.Barrier(4, timeout=10), threading.Event()

    def read(item: Item) -> int:
        if item.index == 6:
            read_on.set()
        return 1

    def process(item: Item, loaded: int) -> int:
        if 2 <= item.index < 6:
            assert read_on.wait(10)
            busy.wait()
        return loaded

    def write(item: Item, result: int) -> dict[str, Any]:
        assert item.index >= 2 or read_on.wait(10)
        if item.index < 2:
            time.sleep(0.1)
        return {}

    assert go(7, Record(), read=read, process=process, write=write, workers=4).done == 7


def test_an_item_larger_than_the_bound_goes_through_alone():
    assert go(4, Record(), plan=items(4, side=5000), memory=1000).done == 4


def test_a_stop_finishes_the_item_in_hand_and_counts_what_is_left():
    record, stop = Record(), threading.Event()

    def process(item: Item, loaded: int) -> int:
        if item.index == 2:
            stop.set()
        return loaded

    counts = go(20, record, process=process, stop=stop)
    assert [one["input"] for one in record.named("done-item")] == ["in0", "in1", "in2"]
    assert counts.left == 17 and counts.interrupted and counts.exit_code == 130


def test_a_stop_after_the_last_item_is_a_finished_batch():
    stop = threading.Event()

    def process(item: Item, loaded: int) -> int:
        if item.index == 2:
            stop.set()
        return loaded

    assert go(3, Record(), process=process, stop=stop).exit_code == 0


def test_the_first_interrupt_stops_and_the_second_drops(capfd: pytest.CaptureFixture[str]):
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in the background
    with batch.interruptible(stop, "once more"):
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set() and capfd.readouterr().err == "once more"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_while_waiting_is_heard():
    """The caller's thread waits for a slow reader; the signal must reach it there."""
    stop = threading.Event()

    def read(item: Item) -> int:
        time.sleep(0.15)
        return 1

    threading.Timer(0.05, lambda: signal.raise_signal(signal.SIGINT)).start()
    with batch.interruptible(stop):
        counts = go(50, Record(), read=read, stop=stop)
    assert counts.exit_code == 130 and counts.left >= 48


def test_an_interrupt_while_the_model_is_fetched_ends_it_at_once():
    stop, record = threading.Event(), Record()

    def prepare() -> Any:
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")

    with batch.interruptible(stop):
        counts = batch.run(items(3), read=lambda item: 1, prepare=prepare, write=lambda *_: {}, emit=record, stop=stop)
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert counts.exit_code == 130 and counts.left == 3 and not record.named("start")


def test_no_memory_is_no_bug():
    record = Record()

    def process(item: Item, loaded: int) -> int:
        raise MemoryError("17 PiB")

    go(1, record, process=process)
    assert record.named("failed")[0]["code"] == "run" and "in0: not enough memory" in record.named("failed")[0]["message"]


def test_a_reader_of_events_that_goes_away_ends_the_batch():
    def emit(event: str, /, **fields: Any) -> None:
        if event == "done-item":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        batch.run(
            items(200),
            read=lambda item: 1,
            prepare=lambda: [lambda item, loaded: time.sleep(0.001)] * 2,
            write=lambda item, result: {},
            emit=emit,
        )


def test_write_failures_are_each_told():
    record = Record()

    def write(item: Item, result: int) -> dict[str, Any]:
        raise OutputError(f"{item.target}: no space")

    assert go(6, record, write=write).failed == 6
    assert {one["code"] for one in record.named("failed")} == {"output"}
