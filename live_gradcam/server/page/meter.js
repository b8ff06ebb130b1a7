// Frame rates and latencies over the last seconds.

const SECONDS = 5;

export class RateMeter {
  /** @param words translates a text. */
  constructor(words) {
    this.words = words;
    this.paints = [];
    this.answers = []; // [at, latency or null, explain ms, batch]
    this.bytes = [];
  }

  painted() {
    this.paints.push(performance.now());
  }

  answered(answer, latency) {
    this.answers.push([performance.now(), latency, answer.ms.explain, answer.batch]);
  }

  /** Returns paints and answers a second, p50 and p95 of capture to heat in ms, and kB/s sent. */
  figures(connection) {
    const now = performance.now(), since = now - 1000 * SECONDS;
    while (this.paints[0] < since) this.paints.shift();
    while (this.answers[0]?.[0] < since) this.answers.shift();
    this.bytes.push([now, connection.bytesSent]);
    while (this.bytes[0][0] < since) this.bytes.shift();
    const latencies = this.answers.map((each) => each[1]).filter((each) => each !== null).sort((a, b) => a - b);
    const at = (share) => latencies[Math.floor(share * (latencies.length - 1))] ?? null;
    const [began, bytes] = this.bytes[0];
    return {
      paints: this.paints.length / SECONDS,
      answers: this.answers.length / SECONDS,
      p50: at(0.5),
      p95: at(0.95),
      sent: now > began ? (connection.bytesSent - bytes) / (now - began) : 0,
      explain: this.answers.at(-1)?.[2] ?? null,
      batch: this.answers.at(-1)?.[3] ?? null,
    };
  }

  show(list, page) {
    const figures = this.figures(page.connection);
    if (list.hidden) return;
    const ms = (value) => (value === null ? "–" : `${Math.round(value)} ms`);
    const rows = [
      ["picture", `${figures.paints.toFixed(0)} fps`],
      ["heat", `${figures.answers.toFixed(1)} a second`],
      ["capture to heat", `${ms(figures.p50)}, 95% ${ms(figures.p95)}`],
      ["network", ms(figures.explain)],
      page.connection.inPage ? ["runs on", page.connection.engine || "–"] : ["sent", `${figures.sent.toFixed(0)} kB/s`],
    ];
    list.replaceChildren(
      ...rows.map(([name, value]) => {
        const row = document.createElement("div");
        row.append(
          Object.assign(document.createElement("dt"), { textContent: this.words(name) }),
          Object.assign(document.createElement("dd"), { textContent: this.words(value) }),
        );
        return row;
      }),
    );
  }
}
