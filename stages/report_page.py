"""The report's page: its style and its template. What goes into it is report.py's affair.

They are Python constants, not files beside the code, so that a changed page is changed code to the engine
(which then runs evaluate again) and travels with every installation.
"""

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1a1c20; --faint: #667; --line: #d9dce3;
  --right: 37 99 235; --wrong: 220 38 38; --first: #2563eb; --second: #d97706; }
@media (prefers-color-scheme: dark) { :root { --ground: #14161a; --ink: #e6e8ec; --faint: #9aa0ad; --line: #343842;
  --right: 96 150 255; --wrong: 248 100 100; --first: #6ea0ff; --second: #f0a840; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; } .faint, figcaption, caption { color: var(--faint); font-size: .85rem; text-align: left; }
.headline { font-size: 2.6rem; font-weight: 650; line-height: 1.1; }
.notice { border: 2px solid var(--second); border-radius: .4rem; padding: .5rem .8rem; margin: 0 0 1rem; }
.wide { overflow-x: auto; } .side { display: flex; flex-wrap: wrap; gap: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .55rem; text-align: right; } thead th { border-bottom: 1px solid var(--line); }
th { font-weight: 600; } .confusion td { min-width: 2.2rem; text-align: center; }
figure { margin: 0; } figure.curve { flex: 1 1 20rem; } svg { width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 11px; } .grid { stroke: var(--line); }
.series { fill: none; stroke-width: 2; } .series0 { stroke: var(--first); } .series1 { stroke: var(--second); }
.dot0, svg text.name0 { fill: var(--first); } .dot1, svg text.name1 { fill: var(--second); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: 1rem .6rem; }
.mistakes img { image-rendering: pixelated; border-radius: .2rem; max-width: 100%; }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } }
""" + "".join(
    f".{kind}{level} {{ background: rgb(var(--{kind}) / {level * 7}%); }}\n"
    for kind in ("right", "wrong")
    for level in range(1, 11)
)

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Validation accuracy {{ percent(metrics.accuracy) }}</title>
<style>{{ style }}</style>
</head>
<body>
{% if metrics.is_sample %}
<p class="notice">This is the <strong>bundled sample</strong>, not your data.</p>
{% endif %}
<h1>What the network does on rows that it was not trained on</h1>
<p class="headline">{{ percent(metrics.accuracy) }}</p>
<p>of {{ "{:,}".format(metrics.n_rows) }} validation rows are right, {{ "{:,}".format(metrics.n_errors) }} wrong
(95 % interval {{ percent(metrics.accuracy_interval[0]) }} to {{ percent(metrics.accuracy_interval[1]) }}).
Log loss {{ "%.4f" | format(metrics.log_loss) }}, mean F1 {{ percent(metrics.macro_f1) }}.</p>
<p class="faint">Data: {{ metrics.source }}. Images: {{ images.height }} x {{ images.width }} pixels.
Trained on {{ "{:,}".format(images.n_train) }} rows; the best epoch was chosen on these validation rows,
so expect slightly less on new ones.</p>

<h2>How it learned</h2>
<div class="side">
{% for chart in charts %}
<figure class="curve">
<svg viewBox="0 0 {{ chart.width }} {{ chart.height }}" role="img" aria-label="{{ chart.title }} after every epoch">
{% for tick in chart.y_ticks %}
<line class="grid" x1="{{ chart.left_edge }}" x2="{{ chart.right_edge }}" y1="{{ tick.at }}" y2="{{ tick.at }}"/>
<text x="{{ chart.left_edge - 6 }}" y="{{ tick.at + 4 }}" text-anchor="end">{{ tick.text }}</text>
{% endfor %}
{% for tick in chart.x_ticks %}
<text x="{{ tick.at }}" y="{{ chart.height - 6 }}" text-anchor="middle">{{ tick.text }}</text>
{% endfor %}
{% for line in chart.lines %}
<polyline class="series series{{ loop.index0 % 2 }}" points="{{ line.points }}"/>
<circle class="dot{{ loop.index0 % 2 }}" cx="{{ line.last[0] }}" cy="{{ line.last[1] }}" r="3"/>
<text class="name{{ loop.index0 % 2 }}" x="{{ chart.left_edge + 110 * loop.index0 }}" y="12">{{ line.name }}</text>
{% endfor %}
</svg>
<figcaption>{{ chart.title }} after every epoch</figcaption>
</figure>
{% endfor %}
</div>

<h2>What was taken for what</h2>
<div class="wide">
<table class="confusion">
<caption>Lines: the right label. Columns: what the network said.</caption>
<thead><tr><th></th>{% for each in metrics.per_class %}<th scope="col">{{ each.label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for each in metrics.per_class %}
<tr><th scope="row">{{ each.label }}</th>
{%- for cell in confusion[loop.index0] %}<td{% if cell.shade %} class="{{ cell.shade }}"{% endif %}>
{{- cell.count or "·" }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>

<h2>Class by class</h2>
<div class="wide">
<table>
<thead><tr><th scope="col">label</th><th scope="col">rows</th><th scope="col">precision</th>
<th scope="col">recall</th><th scope="col">F1</th></tr></thead>
<tbody>
{% for each in metrics.per_class %}
<tr><th scope="row">{{ each.label }}</th><td>{{ "{:,}".format(each.n_rows) }}</td><td>{{ percent(each.precision) }}</td>
<td>{{ percent(each.recall) }}</td><td>{{ percent(each.f1) }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>

<h2>The worst mistakes</h2>
{% if mistakes %}
<p class="faint">{{ mistakes | length }} of {{ "{:,}".format(metrics.n_errors) }} mistakes, the surest first.</p>
<div class="mistakes">
{% for each in mistakes %}
<figure><img src="{{ each.picture }}" width="{{ picture_width }}" height="{{ picture_height }}" \
alt="row {{ each.row }}, labelled {{ each.label }}">
<figcaption>said {{ each.predicted }} ({{ percent(each.confidence) }})<br>right: {{ each.label }}<br>row {{ each.row }}\
</figcaption></figure>
{% endfor %}
</div>
{% else %}
<p>None to show.</p>
{% endif %}
</body>
</html>
"""
