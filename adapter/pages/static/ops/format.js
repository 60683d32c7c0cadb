// Numbers and times as people read them, in the page's language.

/** How to write numbers in *language()*. */
export function createFormat(language) {
  const number = (digits) => new Intl.NumberFormat(language(), { maximumFractionDigits: digits });
  return {
    /** Calls per second: "0.4", "12", "1.2K". */
    rate(value) {
      if (value >= 1000) {
        return new Intl.NumberFormat(language(), { notation: "compact", maximumFractionDigits: 1 }).format(value);
      }
      return number(value < 10 ? 1 : 0).format(value);
    },
    /** Seconds as a latency: "0.4 ms", "12 ms", "1.5 s". */
    latency(seconds) {
      const ms = seconds * 1000;
      if (ms >= 1000) return `${number(1).format(seconds)} s`;
      return `${number(ms < 10 ? 1 : 0).format(ms)} ms`;
    },
    /** A part of 1: "0.2%". */
    part(value) {
      return new Intl.NumberFormat(language(), { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value);
    },
    /** How long ago *seconds* are: "3 minutes ago". */
    ago(seconds) {
      const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto", style: "short" });
      const units = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
      const [unit, length] = units.find(([, each]) => seconds >= each) ?? units.at(-1);
      return format.format(-Math.floor(seconds / length), unit);
    },
    /** An ISO time as a date. */
    date: (iso) => new Intl.DateTimeFormat(language(), { dateStyle: "medium" }).format(new Date(iso)),
  };
}
