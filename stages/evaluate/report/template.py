"""The page's structure, for jinja2, which escapes everything that is put in. A Python constant, as the script is."""

TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ "Out-of-fold" if with_folds else "Validation" }} accuracy {{ percent(metrics.accuracy) }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
{% if metrics.is_sample %}
<p class="notice">This is the <strong>bundled sample</strong>, not your data.</p>
{% endif %}
<h1>{{ "Out-of-fold" if with_folds else "Validation" }} accuracy</h1>
<p class="headline">{{ percent(metrics.accuracy) }}</p>
<p><strong>{{ count(metrics.n_rows - metrics.n_errors) }} of {{ count(metrics.n_rows) }}</strong>
{% if with_folds %}
training rows are right, {{ count(metrics.n_errors) }} wrong. Each was judged by networks that were not trained on it.
{% else %}
validation rows are right, {{ count(metrics.n_errors) }} wrong. {{ "The network was" if n_networks == 1 else
"The networks were" }} not trained on them.
{% endif %}
{% if is_chosen %}
The best epoch was chosen on these rows, though, so expect slightly less on new ones.
{% endif %}
{% if metrics.ensemble %}
All networks together are right on <strong>{{ percent(metrics.ensemble.accuracy) }}</strong> of
{{ count(metrics.ensemble.n_rows) }} validation rows, which none of them has seen
(95&nbsp;% interval {{ span(metrics.ensemble.accuracy_interval) }}).
{% endif %}
</p>
<dl class="tiles">
<div><dt>95&nbsp;% interval (Wilson)</dt><dd>{{ span(metrics.accuracy_interval) }}</dd></div>
<div><dt>errors</dt><dd>{{ count(metrics.n_errors) }}</dd></div>
<div><dt>log loss</dt><dd>{{ "%.4f" | format(metrics.log_loss) }}</dd></div>
<div><dt>mean F1</dt><dd>{{ percent(metrics.macro_f1) }}</dd></div>
<div><dt>calibration error</dt><dd>{{ percent(calibration_error) }}</dd></div>
</dl>
<p class="faint full">Data: {{ metrics.source }}. {{ count(images.n_train) }} rows to train on, {{
count(images.n_validation) }} held out; images of {{ images.height }} x {{ images.width }} pixels in {{ labels |
length }} classes.<br>
{{ "Network" if n_networks == 1 else "%d networks" % n_networks }}: {{ architectures | join("; ") }}, \
{{ count(n_parameters) }} parameters{{ "" if n_networks == 1 else " together" }}.</p>
<nav aria-label="Contents"><ul>
{% for id, title in contents %}
<li><a href="#{{ id }}">{{ title }}</a></li>
{% endfor %}
</ul></nav>
</header>
<main>
{% macro section(id) %}<h2 id="{{ id }}">{{ titles[id] }}</h2>{% endmacro %}

<section class="screen">
{{ section("draw") }}
{% if drawing %}
<p>Draw {{ what_to_draw }} with the mouse, a finger or a pen. The network answers on this page, without a server.</p>
<div class="draw">
<div>
<div class="pad">
<canvas id="drawing" width="{{ drawing_width }}" height="{{ drawing_height }}" role="img" \
aria-label="Draw here with a mouse, a finger or a pen"></canvas>
<span class="hint" aria-hidden="true">draw here</span>
</div>
<button type="button" id="clear">Clear</button>
</div>
<div>
<canvas id="seen" width="{{ images.width }}" height="{{ images.height }}" role="img" \
aria-label="What the network sees of the drawing"></canvas>
<p class="faint">What the network sees: scaled and centred like its training images.</p>
</div>
<div>
<span class="faint">It says</span>
<output id="answer" aria-label="The network's answer"></output>
<ol id="bars" aria-label="The probability of every class">
{% for label in labels %}
<li><span class="label" title="{{ label }}">{{ label }}</span><span class="track"><span class="bar"></span></span>\
<span class="percent"></span></li>
{% endfor %}
</ol>
</div>
</div>
{% if drawing.half %}
<p class="faint">To keep this page below {{ largest_page }} MB the weights are stored in half precision here;
probabilities may differ from the real ones by some thousandths.</p>
{% endif %}
<noscript><p class="notice">Drawing needs JavaScript, which is turned off here.</p></noscript>
{% else %}
<p>Left out: even in half precision the network's {{ count(n_parameters) }} parameters do not fit into a page of \
{{ largest_page }} MB.</p>
{% endif %}
</section>

<section>
{{ section("learning") }}
<p class="faint">Training rows are measured while the weights still move and the images are warped, validation rows
after every epoch as they are, so training may look worse.
{% if n_networks > 1 %}
Each curve is the mean of {{ n_networks }} networks.
{% endif %}
{% if kept %}
The ring marks the epoch whose weights were kept: {{ kept }} of {{ history.epoch | length }}.
{% endif %}
</p>
<div class="side">
{% for title, drawn in curves %}
<figure class="chart"><figcaption>{{ title }}</figcaption>{{ drawn }}</figure>
{% endfor %}
</div>
<details><summary>The curves as a table</summary>
<div class="wide"><table class="rows">
<thead><tr>{% for name in history %}<th scope="col">{{ name.replace("_", " ") }}</th>{% endfor %}</tr></thead>
<tbody>
{% for line in history.values() | zipped %}
<tr>{% for value in line %}<td>{{ "%.6g" | format(value) if value is not none else "" }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
</details>
</section>

<section>
{{ section("confusion") }}
<p class="faint">Lines: the right label. Columns: what the network said.</p>
<div class="pair">
{% for caption, cells in confusions %}
<div class="wide">
<table class="confusion">
<caption>{{ caption }}</caption>
<thead><tr><td></td>{% for label in labels %}<th scope="col">{{ label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for line in cells %}
<tr><th scope="row">{{ labels[loop.index0] }}</th>
{%- for cell in line %}<td{% if cell.shade %} class="{{ cell.shade }}"{% endif %}>{{ cell.text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endfor %}
</div>
</section>

<section>
{{ section("classes") }}
<div class="wide">
<table class="rows">
<thead><tr><th scope="col">label</th><th scope="col">labelled</th><th scope="col">measured</th>
<th scope="col">precision</th><th scope="col">recall</th><th scope="col">F1</th></tr></thead>
<tbody>
{% for each in metrics.per_class %}
<tr><th scope="row">{{ each.label }}</th><td>{{ count(rows_of[each.label]) }}</td><td>{{ count(each.n_rows) }}</td>
<td>{{ percent(each.precision) }}</td><td>{{ percent(each.recall) }}</td><td>{{ percent(each.f1) }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="faint">Labelled: rows in the training file; measured: those of them that the figures are about. Precision: of
the rows said to be of a class, how many are. Recall: of a class's rows, how many were found. F1: their harmonic
mean.</p>
</section>

{% if metrics.members %}
<section>
{{ section("members") }}
<p class="faint">What each network does for itself, on rows that it has not seen\
{{ ": those of its fold, and the validation rows" if with_folds else "" }}. Their probabilities are averaged.</p>
<div class="wide">
<table class="rows">
<thead><tr><th scope="col">network</th>{% if with_folds %}<th scope="col">fold</th>{% endif %}
<th scope="col">rows</th><th scope="col">errors</th><th scope="col">accuracy</th><th scope="col">log loss</th>
{% if with_folds %}<th scope="col">validation</th>{% endif %}
</tr></thead>
<tbody>
{% for each in metrics.members %}
<tr><th scope="row">{{ each.member }}</th>{% if with_folds %}<td>{{ each.fold }}</td>{% endif %}
<td>{{ count(each.n_rows) }}</td><td>{{ count(each.n_errors) }}</td><td>{{ percent(each.accuracy) }}</td>
<td>{{ "%.4f" | format(each.log_loss) }}</td>
{% if with_folds %}<td>{{ percent(each.validation_accuracy) if each.validation_accuracy is not none }}</td>{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
</section>
{% endif %}

{% if disputes %}
<section>
{{ section("disputes") }}
<p class="faint">The {{ disputes | length }} rows on which most networks differ from what all say together: each
answer, and how many networks give it.</p>
<div class="pictures">
{% for each in disputes %}
<figure><img src="{{ each.picture }}" width="{{ picture_width }}" height="{{ picture_height }}" \
alt="Row {{ each.row }}: together {{ each.said }}, right {{ each.label }}">
<figcaption>{% for label, n in each.votes %}{% if label == each.said %}<b>{{ label }}</b>{% else %}{{ label }}\
{% endif %} {{ n }}&nbsp;x<br>{% endfor %}right: <b>{{ each.label }}</b><br>row {{ each.row }}</figcaption></figure>
{% endfor %}
</div>
</section>
{% endif %}

<section>
{{ section("mistakes") }}
{% if mistakes %}
<p class="faint">{{ mistakes | length }} of {{ count(metrics.n_errors) }} mistakes, the surest first: what was said
and how sure, and what is right. Rows count from 0 in train.parquet.</p>
<div class="pictures">
{% for each in mistakes %}
<figure><img src="{{ each.picture }}" width="{{ picture_width }}" height="{{ picture_height }}" \
alt="Row {{ each.row }}: said {{ each.said[0][0] }}, right {{ each.label }}">
<figcaption><b>{{ each.said[0][0] }}</b> {{ about(each.said[0][1]) }}<br>right: <b>{{ each.label }}</b><br>\
row {{ each.row }}</figcaption></figure>
{% endfor %}
</div>
{% else %}
<p>{{ "None was asked for." if metrics.n_errors else "There are none." }}</p>
{% endif %}
</section>

<section>
{{ section("unsure") }}
{% if unsure %}
<p class="faint">The {{ unsure | length }} rows on which the network was least sure, with its two most probable
answers.</p>
<div class="pictures">
{% for each in unsure %}
<figure><img src="{{ each.picture }}" width="{{ picture_width }}" height="{{ picture_height }}" \
alt="Row {{ each.row }}: {{ each.said[0][0] }} or {{ each.said[1][0] }}, right {{ each.label }}">
<figcaption><b>{{ each.said[0][0] }}</b> {{ about(each.said[0][1]) }}<br>{{ each.said[1][0] }} \
{{ about(each.said[1][1]) }}<br>right: <b>{{ each.label }}</b><br>row {{ each.row }}</figcaption></figure>
{% endfor %}
</div>
{% else %}
<p>None was asked for.</p>
{% endif %}
</section>

<section>
{{ section("calibration") }}
<div class="pair">
<figure class="chart">{{ reliability }}</figure>
<div>
<p>The expected calibration error is <strong>{{ percent(calibration_error) }}</strong>: by so much the network's
confidence and its share of right answers differ, on average over all rows.</p>
<p class="faint">Rows are put into {{ n_bins }} bins of equal width by the probability of the answer. A point on the
dashed line: as often right as sure. Above it: too modest; below it: too sure. The bars through the points are
95&nbsp;% intervals, wide where a bin has few rows. After Guo and others, “On calibration of modern neural
networks” (2017).</p>
<details><summary>The bins as a table</summary>
<div class="wide"><table class="rows">
<thead><tr><th scope="col">confidence</th><th scope="col">rows</th><th scope="col">mean</th><th
scope="col">right</th></tr>
</thead>
<tbody>
{% for each in bins %}
<tr><th scope="row">{{ "%.0f" | format(100 * each.low) }} to {{ "%.0f" | format(100 * each.high) }} %</th>
<td>{{ count(each.n_rows) }}</td><td>{{ percent(each.confidence) }}</td><td>{{ percent(each.accuracy) }}</td></tr>
{% endfor %}
</tbody>
</table></div>
</details>
</div>
</div>
</section>

<section>
{{ section("weights") }}
<p class="faint">{{ weights_caption }} Orange: ink here speaks for it. Blue: against it. Clear: it does not matter.</p>
<div class="pictures {{ "filters" if has_filters else "small" }} weights">
{% for each in weights %}
<figure><img src="{{ each.picture }}" width="{{ each.width }}" height="{{ each.height }}" \
alt="Weights of {{ each.name }}">{% if each.caption %}<figcaption>{{ each.caption }}</figcaption>{% endif %}</figure>
{% endfor %}
</div>
</section>

<section>
{{ section("warps") }}
{% if warps %}
<p class="faint">In every line a training image as it is (framed), then the same image warped with this run's
settings, as in training, where no image is seen the same way twice.</p>
<div class="warps">
{% for each in warps %}
<img src="{{ each.picture }}" width="{{ picture_width }}" height="{{ picture_height }}" alt="{{ each.told }}">
{% endfor %}
</div>
{% else %}
<p>No augmentation: every training image was seen as it is.</p>
{% endif %}
</section>

<section>
{{ section("data") }}
<div class="wide">
<table class="rows named">
<thead><tr><td></td><th scope="col">train</th><th scope="col">test</th></tr></thead>
<tbody>
{% for name, train, test in profile_rows %}
<tr><th scope="row">{{ name }}</th><td>{{ train }}</td><td>{{ test }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% for note in profile_notes %}
<p>{{ note }}.</p>
{% endfor %}
</section>

<section>
{{ section("settings") }}
{% for stage, values in settings %}
<h3>{{ stage }}</h3>
{% if values %}
<dl class="settings">
{% for name, value in values %}
<div><dt>{{ name }}</dt><dd><code>{{ value }}</code></dd></div>
{% endfor %}
</dl>
{% else %}
<p class="faint">It has no settings.</p>
{% endif %}
{% endfor %}
</section>

<section>
{{ section("chain") }}
<p class="faint">From the raw files to this page, by the receipts of the stages before it. Digests are SHA-256 of what
the files hold (of a file in a zip: of its name there and the zip). A stage's key is the fingerprint of all that its
result depends on, and begins the name of its folder in artifacts/.store.</p>
<ol class="chain">
<li><h3>Raw files</h3>
<ul>
<li>{{ metrics.source }}</li>
{% for receipt in receipts %}
{% for name, digest in receipt.raw_files.items() %}
<li>{{ name }} <span class="digest">{{ digest }}</span></li>
{% endfor %}
{% endfor %}
</ul></li>
{% for receipt in receipts %}
<li><h3>{{ receipt.work.stage }}</h3>
<ul>
<li>key <span class="digest">{{ receipt.key[:shown_digits] }}</span>, code \
<span class="digest">{{ receipt.code[:shown_digits] }}</span></li>
<li>{% for name, version in receipt.work.libraries.items() %}{{ name }} {{ version }}{{ "" if loop.last else ", " }}\
{% endfor %}</li>
</ul>
<details><summary>{% if receipt.work.inputs %}{{ counted(receipt.work.inputs | length, "file") }} read, {% endif %}\
{{ counted(receipt.outputs | length, "file") }} written</summary>
<ul>
{% for path, digest in receipt.work.inputs.items() %}
<li>from {{ path }} <span class="digest">{{ digest[:shown_digits] }}</span></li>
{% endfor %}
{% for name, output in receipt.outputs.items() %}
<li>made {{ receipt.work.stage }}/{{ name }} <span class="digest">{{ output.content[:shown_digits] }}</span></li>
{% endfor %}
</ul>
</details></li>
{% endfor %}
<li><h3>evaluate</h3>
<ul><li>This page. <code>pipeline why artifacts/evaluate/report.html</code> tells the rest.</li></ul></li>
</ol>
</section>
</main>
{% if drawing %}
<script type="application/json" id="model">{{ drawing | tojson }}</script>
<script>{{ script }}</script>
{% endif %}
</body>
</html>
"""
