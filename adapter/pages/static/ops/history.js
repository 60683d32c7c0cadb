// Counters become rates and latencies: keeps what changed between two answers of api/ops.
// Knows no element. Times are seconds by the adapter's clock.

const SPANS_S = [60, 120, 300]; // how far back the charts look: as far as something is known
const LONGEST_S = SPANS_S.at(-1);

const SMOOTH_S = 10; // a latency is that of all calls within this time
const GAP_S = 8; // answers further apart leave a gap in the line

/** An empty history. */
export function createHistory() {
  let steps = []; // {time, seconds, rows, isAfterGap}; rows: {model, version, code, counts}
  let last = null; // {time, counts by key}
  let bounds = [];

  function push(overview) {
    bounds = overview.bounds_s;
    const counts = new Map(overview.calls.map((row) => [`${row.model}|${row.version}|${row.code}`, row]));
    if (last && overview.time > last.time) {
      const rows = overview.calls.map((row) => toStep(row, last.counts)).filter(Boolean);
      const seconds = overview.time - last.time;
      steps.push({ time: overview.time, seconds, rows, isAfterGap: seconds > GAP_S });
    }
    if (!last || overview.time > last.time) last = { time: overview.time, counts };
    steps = steps.filter(({ time }) => time > overview.time - LONGEST_S);
  }

  // What came of one kind of call since *before*; a server that began anew counts from 0.
  function toStep(row, before) {
    const old = before.get(`${row.model}|${row.version}|${row.code}`)?.counts ?? row.counts.map(() => 0);
    const isNew = row.counts.some((count, i) => count < (old[i] ?? 0));
    const counts = isNew ? row.counts : row.counts.map((count, i) => count - old[i]);
    return counts.some(Boolean) ? { ...row, counts } : null;
  }

  /** One point for each answer: {time, ok, bad} in calls per second, and p50, p95, p99 in seconds. */
  function series(matches) {
    return steps.map((step, i) => {
      const rows = step.rows.filter(matches);
      const bad = total(rows.filter(({ code }) => code !== "OK")) / step.seconds;
      const all = total(rows) / step.seconds;
      const near = steps.slice(0, i + 1).filter(({ time }) => time > step.time - SMOOTH_S);
      return { time: step.time, isAfterGap: step.isAfterGap, ok: all - bad, bad, ...latencies(near, matches) };
    });
  }

  /** The newest figures: calls per second, part that failed, latencies; null where nothing was called. */
  function now(matches) {
    const end = steps.at(-1)?.time ?? 0;
    const near = steps.filter(({ time }) => time > end - SMOOTH_S);
    const rows = near.flatMap((step) => step.rows.filter(matches));
    const calls = total(rows);
    const seconds = near.reduce((sum, step) => sum + step.seconds, 0);
    const bad = total(rows.filter(({ code }) => code !== "OK"));
    return {
      rate: seconds ? calls / seconds : null,
      failed: calls ? bad / calls : null,
      ...latencies(near, matches),
    };
  }

  function latencies(near, matches) {
    const rows = near.flatMap((step) => step.rows.filter(matches));
    const counts = bounds.map(() => 0).concat(0);
    for (const row of rows) row.counts.forEach((count, i) => { counts[i] += count; });
    return { p50: quantile(counts, 0.5), p95: quantile(counts, 0.95), p99: quantile(counts, 0.99) };
  }

  // Between two bounds calls are taken as spread evenly; above the last one, as at it.
  function quantile(counts, part) {
    const all = counts.reduce((sum, count) => sum + count, 0);
    if (!all) return null;
    let before = 0;
    const at = counts.findIndex((count) => {
      before += count;
      return count > 0 && before >= part * all;
    });
    if (at >= bounds.length) return bounds.at(-1);
    const low = at > 0 ? bounds[at - 1] : 0;
    const inside = (part * all - (before - counts[at])) / counts[at];
    return low + (bounds[at] - low) * inside;
  }

  function span() {
    const known = steps.length ? steps.at(-1).time - steps[0].time : 0;
    return SPANS_S.find((each) => each >= known) ?? LONGEST_S;
  }

  return { push, series, now, span, end: () => steps.at(-1)?.time ?? last?.time ?? 0 };
}

function total(rows) {
  return rows.reduce((sum, { counts }) => sum + counts.reduce((all, count) => all + count, 0), 0);
}
