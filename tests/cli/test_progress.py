import io

from transferscope.cli.progress import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_when_the_output_is_no_terminal() -> None:
    out, now = io.StringIO(), [0.0]
    display = Display(out, clock=lambda: now[0])
    for second in range(0, 61):
        now[0] = float(second)
        display.update(second / 120, "train clipart")
    display.close()
    lines = out.getvalue().splitlines()
    assert len(lines) == 5  # 0, 15, 30, 45, 60 s
    assert lines[-1] == " 50%  1 min 0 s gone, about 1 min 0 s left  train clipart"
    assert "\r" not in out.getvalue()


def test_of_what_is_often_short_the_first_line_comes_late() -> None:
    out, now = io.StringIO(), [0.0]
    display = Display(out, clock=lambda: now[0], patient=True)
    for at in (0.0, 14.0, 16.0):
        now[0] = at
        display.update(at / 32, "drawing")
    assert out.getvalue() == " 50%  16 s gone, about 16 s left  drawing\n"


def test_no_time_left_is_given_before_there_is_ground_for_it() -> None:
    out, now = io.StringIO(), [0.0]
    display = Display(out, clock=lambda: now[0])
    for at, fraction in ((5.0, 0.5), (25.0, 0.01), (50.0, 0.05)):
        now[0] = at
        display.update(fraction, "data")
    assert [line.split("%")[1] for line in out.getvalue().splitlines()] == [
        "  5 s gone  data",
        "  25 s gone  data",
        "  50 s gone, about 15 min 50 s left  data",
    ]


def test_a_bar_says_the_same_as_the_lines() -> None:
    out, now = Terminal(), [0.0]
    display = Display(out, clock=lambda: now[0])
    now[0] = 60.0
    display.update(0.25, "train")
    assert display._bar is not None
    assert "25% " in str(display._bar) and "1 min 0 s gone, about 3 min 0 s left  train" in str(display._bar)
    display.close()


def test_a_bar_on_a_terminal_never_goes_back() -> None:
    out = Terminal()
    display = Display(out)
    display.update(0.5, "first")
    display.update(0.4, "second")
    assert display._bar is not None and display._bar.n == 0.5
    display.say("a line")
    display.close()
    assert "a line" in out.getvalue()
