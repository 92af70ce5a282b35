# SPDX-License-Identifier: Apache-2.0
"""A plot of records a second by the length of a list, both by powers of ten, as SVG."""
import math

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 720, 380, 70, 20, 50, 210
COLORS = ("#888888", "#0b6e4f", "#2a9d8f", "#e9a03b", "#c0392b")


def plot(path, lengths, lines):
    """`lines`: rates by what they are of, one each length."""
    rates = [rate for line in lines.values() for rate in line]
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))

    def x(length):
        span = math.log10(lengths[-1]) - math.log10(lengths[0])
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(length) - math.log10(lengths[0])) / span

    def y(rate):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(rate) - low) / (high - low)

    def text(at_x, at_y, what, anchor="middle", color="#333333"):
        return f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}" fill="{color}">{what}</text>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="13"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for power in range(low, high + 1):
        at = y(10 ** power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.0f}" y2="{at:.0f}" stroke="#dddddd"/>')
        parts.append(text(LEFT - 8, at + 4, f"{10 ** power:,}", "end"))
    for length in lengths:
        parts.append(text(x(length), HEIGHT - BOTTOM + 20, f"{length:,}"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "records in the list; records a second replayed"))
    label_at = TOP
    for (what, line), color in zip(sorted(lines.items(), key=lambda item: -item[1][-1]), COLORS):
        points = " ".join(f"{x(length):.0f},{y(rate):.0f}" for length, rate in zip(lengths, line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        label_at = max(label_at + 16, y(line[-1]))
        parts.append(text(WIDTH - RIGHT + 10, label_at + 4, what, "start", color))
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")
