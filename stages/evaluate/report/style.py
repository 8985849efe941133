"""The page's style: light and dark, from a phone's width up, and on paper. A Python constant, as the script is."""

SHADES = 10  # of a table's cells

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --card: #f5f6f8; --ink: #1b1d22; --faint: #5a6170; --line: #dcdfe6;
  --first: #0b62a8; --second: #b04a00; --right: 11 98 168; --wrong: 213 94 0; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #14161a; --card: #1e2127; --ink: #e8eaee;
  --faint: #a3a9b6; --line: #373c46; --first: #6cb2f0; --second: #f0a04c; --right: 86 160 226; --wrong: 230 126 34; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
h1, h2, h3 { line-height: 1.25; font-weight: 650; }
h1 { font-size: 1rem; margin: 0; color: var(--faint); font-weight: 500; }
h2 { font-size: 1.3rem; margin: 3.2rem 0 .7rem; padding-top: 1.1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; max-width: 44rem; text-wrap: pretty; }
p.full { max-width: none; }
a { color: var(--first); }
.faint, figcaption, caption, dt, summary { color: var(--faint); font-size: .85rem; }
code, .digest { font: .82em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.notice { border-left: 4px solid var(--second); background: var(--card); padding: .6rem .9rem; margin: 0 0 1.4rem; }
.headline { font-size: clamp(3rem, 12vw, 4.6rem); font-weight: 700; line-height: 1.1; letter-spacing: -.03em;
  margin: .1rem 0 .2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.3rem, 1fr)); gap: .75rem; margin: 1.4rem 0; }
.tiles div:first-child { grid-column: span 2; }
.tiles dd { white-space: nowrap; }
.tiles div { background: var(--card); border-radius: .5rem; padding: .65rem .9rem; display: flex;
  flex-direction: column-reverse; justify-content: flex-end; }
.tiles dd { margin: 0; font-size: 1.25rem; font-weight: 650; }
nav ul { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: 1.4rem 0 0; padding: 0;
  font-size: .9rem; }
nav a { display: inline-block; padding: .2rem 0; }
.wide { overflow-x: auto; overflow-wrap: normal; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17.5rem), 1fr)); gap: 1.4rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.4rem; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .22rem .6rem; text-align: right; }
thead th { border-bottom: 1px solid var(--line); color: var(--faint); font-weight: 500; }
th { font-weight: 600; }
.named tbody th { text-align: left; font-weight: 400; }
.rows tbody tr:nth-child(even) { background: var(--card); }
.confusion { font-size: .8rem; }
.confusion th, .confusion td { padding: .22rem .15rem; text-align: center; min-width: 1.85rem; }
.confusion th { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
figure { margin: 0; min-width: 0; }
figure.chart svg { width: 100%; height: auto; max-width: 30rem; display: block; }
figure.chart figcaption { font-weight: 600; color: var(--ink); margin-bottom: .2rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: 1.1rem .7rem; }
.pictures.small { grid-template-columns: repeat(auto-fill, minmax(3.1rem, 1fr)); gap: .5rem; }
.pictures.filters { grid-template-columns: repeat(auto-fill, minmax(4.4rem, 1fr)); gap: .7rem; }
img { display: block; image-rendering: pixelated; width: 100%; height: auto; border-radius: .25rem; }
.pictures figcaption { line-height: 1.35; margin-top: .3rem; font-size: .8rem; }
.pictures b { color: var(--ink); }
.weights img { background: var(--card); }
.filters img { border-radius: 0; }
.warps { display: grid; grid-template-columns: repeat(8, minmax(0, 4.4rem)); gap: .4rem; padding: 3px; }
.warps > :nth-child(8n + 1) { outline: 2px solid var(--first); outline-offset: 1px; border-radius: .25rem; }
.draw { display: grid; grid-template-columns: 280px 8.5rem minmax(14rem, 1fr); gap: 1.6rem; align-items: start; }
.pad { position: relative; max-width: 280px; }
.hint { position: absolute; inset: 0; display: grid; place-items: center; color: #9aa0ad; pointer-events: none; }
.drawn .hint { visibility: hidden; }
.draw canvas { display: block; background: #000; border-radius: .4rem; }
#drawing { width: 100%; height: auto; max-width: 280px; touch-action: none; cursor: crosshair; }
#seen { width: 100%; height: auto; max-width: 8.5rem; image-rendering: pixelated; border-radius: .25rem; }
#answer { display: block; font-size: 3rem; font-weight: 700; line-height: 1.15; min-height: 1.15em; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
b, .label { unicode-bidi: isolate; }  /* a label written from right to left keeps to itself */
button { font: inherit; font-size: .9rem; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; padding: .4rem 1.1rem; margin-top: .7rem; min-height: 2.75rem; cursor: pointer; }
button:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; }
#bars { list-style: none; margin: 0; padding: 0; font-size: .9rem; display: grid; column-gap: .6rem;
  grid-template-columns: minmax(1.2rem, max-content) 1fr 4.2rem; }
#bars li { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center; line-height: 1.75; }
#bars .label { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#bars .track { background: var(--card); border-radius: .2rem; height: .85rem; overflow: hidden; }
#bars .bar { display: block; height: 100%; width: 0; background: var(--faint); }
#bars .percent { text-align: right; color: var(--faint); }
#bars .best .bar { background: var(--first); }
#bars .best .label, #bars .best .percent { color: var(--ink); font-weight: 650; }
.settings { columns: 18rem auto; column-gap: 2rem; margin: 0; }
.settings div { display: flex; justify-content: space-between; gap: 1rem; break-inside: avoid; padding: .1rem 0;
  border-bottom: 1px solid var(--line); font-size: .88rem; }
.settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.chain { list-style: none; margin: 1rem 0 0 6px; padding: 0 0 0 1.2rem; border-left: 2px solid var(--line); }
.chain > li { position: relative; margin: 0 0 1.4rem; }
.chain > li::before { content: ""; position: absolute; left: calc(-1.2rem - 6px); top: .5rem; width: 10px; height: 10px;
  border-radius: 50%; background: var(--first); }
.chain h3 { margin: 0 0 .2rem; }
.chain ul { margin: .2rem 0; padding: 0; list-style: none; font-size: .85rem; }
.digest { color: var(--faint); overflow-wrap: anywhere; }
details { margin: .5rem 0; } summary { cursor: pointer; padding: .2rem 0; }
@media (max-width: 50rem) { .draw { grid-template-columns: minmax(0, 280px) minmax(5rem, 8.5rem); gap: 1rem; }
  .draw > :last-child { grid-column: 1 / -1; } }
@media (max-width: 30rem) { body { padding: 1.25rem 1rem 3rem; } h2 { margin-top: 2.4rem; }
  .confusion { font-size: .72rem; } .confusion th, .confusion td { padding: .2rem .12rem; min-width: 1.55rem; }
  .rows { font-size: .76rem; } th, td { padding: .22rem .3rem; } .rows th, .rows td { padding: .22rem .16rem; }
  .pictures { grid-template-columns: repeat(4, 1fr); gap: .9rem .6rem; }
  .pictures.small { grid-template-columns: repeat(8, 1fr); gap: .3rem; }
  .pictures.filters { grid-template-columns: repeat(5, 1fr); gap: .5rem; } .warps { gap: .25rem; } }
@media (max-width: 24rem) { .rows { font-size: .7rem; } }
@media print { @page { margin: 14mm 12mm; } html { font-size: 12px; }
  body { max-width: none; padding: 0; font-size: 1rem; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav, .screen, details { display: none; } .wide { overflow: visible; } h2 { margin-top: 1.6rem; break-after: avoid; }
  h3 { break-after: avoid; } figure, tr, table, .tiles, .pair, .chain > li { break-inside: avoid; }
  .tiles { grid-template-columns: repeat(6, 1fr); }
  .side { grid-template-columns: repeat(3, 1fr); gap: .8rem; } .pair { grid-template-columns: 1fr 1fr; gap: .8rem; }
  .confusion { font-size: 7pt; } .confusion th, .confusion td { padding: .15rem; min-width: 0; }
  .pictures { grid-template-columns: repeat(8, 1fr); } .pictures.small { grid-template-columns: repeat(16, 1fr); }
  .pictures.filters { grid-template-columns: repeat(12, 1fr); }
  .settings { columns: 2; } }
""" + "".join(
    f".{kind}{level} {{ background: rgb(var(--{kind}) / {level * 50 // SHADES}%); }}\n"
    for kind in ("right", "wrong")
    for level in range(1, SHADES + 1)
)
