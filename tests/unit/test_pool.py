"""Order, bounds, errors and the end of the threads."""

import threading

import pytest

from scr_live.evaluation.pool import in_order


class BrokenError(Exception):
    pass


def run(items, *, prepare=lambda item: item, step=lambda item: item, finish=lambda item: item, workers=3):
    return in_order(items, prepare, step=step, finish=finish, workers=workers)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_results_come_in_the_order_of_the_items(workers, count):
    found = run(range(count), prepare=lambda n: n + 1, step=lambda n: n * 2, finish=str, workers=workers)
    assert list(found) == [str(2 * (n + 1)) for n in range(count)]


def test_the_step_has_the_callers_thread_and_the_others_have_not():
    seen = {"prepare": set(), "step": set(), "finish": set()}

    def note(name):
        def work(item):
            seen[name].add(threading.current_thread())
            return item

        return work

    list(run(range(20), prepare=note("prepare"), step=note("step"), finish=note("finish")))
    assert seen["step"] == {threading.current_thread()}
    assert threading.current_thread() not in seen["prepare"] | seen["finish"]


def test_no_more_is_taken_than_has_room():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    stream = run(items(), workers=2)
    next(stream)
    # Four prepared ahead; the first result comes when five are in the other queue.
    assert len(taken) == 4 + 5
    stream.close()


@pytest.mark.parametrize("stage", ["prepare", "step", "finish"])
def test_an_error_ends_it_and_no_result_of_that_item_or_later_is_given(stage):
    def fails(item):
        if item == 7:
            raise BrokenError
        return item

    got = []
    with pytest.raises(BrokenError):
        got.extend(run(range(30), **{stage: fails}, workers=2))
    assert got == list(range(len(got)))
    assert len(got) <= 7


def test_the_callers_own_end_ends_the_threads():
    release = threading.Event()
    stream = run(range(50), finish=lambda item: item if item < 3 else release.wait(20))
    assert next(stream) == 0
    release.set()
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("evaluate")]


def test_an_interrupt_in_the_step_ends_the_threads():
    def interrupted(item):
        if item == 4:
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        list(run(range(50), step=interrupted))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("evaluate")]
