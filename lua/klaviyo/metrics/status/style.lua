--- The style sheet of the status page. It stands in the page itself, and the
--- Content-Security-Policy allows it by its hash; so no element has a style attribute.
--- A colour means one thing: accent, as it should be; quiet, only informs; warn, look
--- at it; bad, act.

return [[
:root {
  color-scheme: light dark;
  --page: #f4f6f8; --card: #fff; --rule: #dfe4ea; --text: #17212b; --soft: #55626f;
  --accent: #0b6e66; --quiet: #7488a0; --warn: #8f4f00; --bad: #b3261e;
  --warn-page: #fff6e6; --bad-page: #fdeeed; --track: #e6eaef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --card: #182028; --rule: #28323d; --text: #e4eaf0; --soft: #9dabb9;
    --accent: #4cc9b8; --quiet: #7f93aa; --warn: #f0b252; --bad: #ff8b81;
    --warn-page: #2a2317; --bad-page: #2e1d1f; --track: #2a343f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 1.75rem clamp(1rem, 3vw, 2.5rem) 2rem; background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
body > * { max-width: 76rem; margin-inline: auto; }
h1, h2, h3, p, dl, dd, ul { margin: 0; padding: 0; }
header { display: flex; flex-wrap: wrap; gap: .35rem 1rem; align-items: baseline; justify-content: space-between; }
h1 { font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; }
h1 small { font-size: 1rem; font-weight: 400; color: var(--soft); margin-left: .25rem; }
header p, footer { color: var(--soft); font-size: .85rem; }
a { color: var(--accent); text-underline-offset: .2em; }
a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; border-radius: 2px; }
h2 { font-size: 1rem; font-weight: 650; margin: 2rem auto .75rem; }
.state {
  margin-top: 1rem; padding: .75rem 1rem; border: 1px solid var(--rule); border-left: 4px solid var(--accent);
  border-radius: 8px; background: var(--card);
}
.state strong { font-weight: 650; color: var(--accent); margin-right: .4rem; }
.state p { color: var(--soft); }
.state.warn { border-left-color: var(--warn); background: var(--warn-page); }
.state.warn strong { color: var(--warn); }
.state.bad { border-left-color: var(--bad); background: var(--bad-page); }
.state.bad strong { color: var(--bad); }
.state ul { list-style: none; margin-top: .35rem; }
.state li { display: flex; gap: .6rem; padding: .1rem 0; }
.state li::before {
  content: ""; flex: none; width: .5rem; height: .5rem; border-radius: 50%; margin-top: .45rem; background: var(--warn);
}
.state li.bad::before { background: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17.5rem), 1fr)); gap: 1rem; }
.card, .table { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
.card { padding: .9rem 1rem .85rem; display: flex; flex-direction: column; }
h3 { font-size: .85rem; font-weight: 500; color: var(--soft); }
.now { font-size: 1.6rem; line-height: 1.25; font-weight: 600; letter-spacing: -.015em; margin: .05rem 0 .5rem; }
.now small { font-size: .9rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }
.chart { display: block; width: 100%; height: 58px; overflow: visible; }
.chart path { fill: none; vector-effect: non-scaling-stroke; stroke-linecap: round; stroke-linejoin: round; }
.chart .base { stroke: var(--rule); stroke-width: 1; }
.chart .line { stroke-width: 1.6; }
.chart .area { stroke: none; opacity: .13; }
.line.accent { stroke: var(--accent); } .area.accent, .fill.accent { fill: var(--accent); }
.line.quiet { stroke: var(--quiet); } .area.quiet, .fill.quiet { fill: var(--quiet); }
.line.warn { stroke: var(--warn); } .area.warn, .fill.warn { fill: var(--warn); }
.line.bad { stroke: var(--bad); } .area.bad, .fill.bad { fill: var(--bad); }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); margin-top: .25rem; }
.legend { font-size: .82rem; margin-top: .55rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
.legend div { display: flex; justify-content: space-between; gap: 1rem; padding: .06rem 0; }
.legend dt { color: var(--soft); display: flex; align-items: baseline; gap: .5rem; }
.legend dt::before { content: ""; flex: none; width: .7rem; height: 0; border-top: 2px solid transparent;
  transform: translateY(-.28em); }
.legend .accent dt::before { border-color: var(--accent); }
.legend .quiet dt::before { border-color: var(--quiet); }
.legend .warn dt::before { border-color: var(--warn); }
.legend .bad dt::before { border-color: var(--bad); }
.legend dd { text-align: right; white-space: nowrap; }
.table { padding: .35rem 1rem; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; }
th, td { padding: .42rem .5rem; text-align: right; font-weight: 400; border-top: 1px solid var(--rule);
  vertical-align: baseline; }
thead th { border-top: 0; color: var(--soft); font-size: .8rem; vertical-align: bottom; overflow-wrap: normal; }
th:first-child { text-align: left; padding-left: 0; width: 40%; }
th:last-child, td:last-child { padding-right: 0; }
td.warn { color: var(--warn); font-weight: 600; }
td.bad { color: var(--bad); font-weight: 600; }
td { white-space: nowrap; }
td .bar { width: 6rem; height: 6px; margin: 0 .2rem 0 .6rem; vertical-align: .1em; }
.share { display: inline-block; min-width: 3.4rem; }
.track { fill: var(--track); }
.none { color: var(--soft); font-weight: 400; }
footer { margin-top: 2rem; }
@media (max-width: 40rem) {
  body { padding-top: 1.1rem; }
  .table { padding-inline: .7rem; }
  table { font-size: .8rem; }
  thead th { font-size: .75rem; }
  th, td { padding-inline: .2rem; }
  td .bar { display: none; }
  td .none + svg + .share, td .none { display: block; }
  th:first-child { width: auto; }
}
]]
