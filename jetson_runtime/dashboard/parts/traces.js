// Angles and moments of the last ten seconds; what was not valid is a gap.
const WINDOW_S = 10;
// A step in time beyond this is a gap, too.
const STEP_S = 0.1;
const HEIGHT = 92;
const LEFT = 40;
// The least that a chart spans, so that noise looks like noise.
const LEAST = { angle: 20, moment: 0.4 };

export default {
  template: `
    <div class="traces" data-part="traces">
      <section v-for="chart in charts" :key="chart.joint + chart.kind" class="trace">
        <h4>{{ chart.joint }} {{ chart.kind }} <small>{{ chart.unit }}; up: {{ chart.positive }}</small></h4>
        <p class="now live"><span v-for="line in chart.lines" :key="line.name" :class="'side-' + line.side">
          {{ side(line) }} {{ number(line, chart.kind) }}</span></p>
        <canvas ref="canvas" :data-chart="chart.joint + ' ' + chart.kind"></canvas>
      </section>
      <p v-if="!charts.length">no outcomes are known yet</p>
    </div>`,
  data() {
    return { charts: [], newest: [] };
  },
  mounted() {
    this.points = [];
    this.take = (event) => this.show(event.detail);
    window.addEventListener("suit", this.take);
  },
  unmounted() {
    window.removeEventListener("suit", this.take);
  },
  methods: {
    show(message) {
      if (message.account && JSON.stringify(message.account.charts) !== JSON.stringify(this.charts)) {
        if (message.account.charts.length) this.charts = message.account.charts;
      }
      const added = message.live?.points || message.recent;
      if (message.recent) this.points = [];
      if (!added) return;
      this.points.push(...added);
      const last = this.points.at(-1)?.[0] || 0;
      while (this.points.length && this.points[0][0] < last - WINDOW_S) this.points.shift();
      if (message.live) this.newest = message.live.silent_s === null ? this.points.at(-1)?.[1] || [] : [];
      if (!this.waiting) {
        this.waiting = true;
        requestAnimationFrame(() => this.draw());
      }
    },
    side(line) {
      return { r: "right", l: "left" }[line.side] || "";
    },
    number(line, kind) {
      const value = this.newest[line.index];
      return value === null || value === undefined ? "–" : value.toFixed(kind === "angle" ? 0 : 2);
    },
    draw() {
      this.waiting = false;
      for (const canvas of this.$refs.canvas || []) {
        const chart = this.charts.find(({ joint, kind }) => `${joint} ${kind}` === canvas.dataset.chart);
        if (chart) drawChart(canvas, chart, this.points);
      }
    },
  },
};

function drawChart(canvas, chart, points) {
  const width = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(HEIGHT * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, HEIGHT);
  const style = getComputedStyle(canvas);
  const [low, high] = span(chart, points);
  const last = points.at(-1)?.[0] || 0;
  const x = (t) => LEFT + ((t - last + WINDOW_S) / WINDOW_S) * (width - LEFT - 2);
  const y = (value) => HEIGHT - 14 - ((value - low) / (high - low)) * (HEIGHT - 22);
  drawAxes(pen, style, chart, [low, high], width, y);
  for (const line of chart.lines) {
    pen.strokeStyle = style.getPropertyValue(line.side === "l" ? "--left" : "--right");
    pen.setLineDash(line.side === "l" ? [5, 3] : []);
    pen.lineWidth = 1.6;
    drawLine(pen, points, line.index, x, y);
  }
  pen.setLineDash([]);
}

function drawLine(pen, points, index, x, y) {
  pen.beginPath();
  let before = null;
  for (const [t, values] of points) {
    const value = values[index];
    if (value !== null) {
      if (before !== null && t - before < STEP_S) pen.lineTo(x(t), y(value));
      else pen.moveTo(x(t), y(value));
    }
    before = value === null ? null : t;
  }
  pen.stroke();
}

function drawAxes(pen, style, chart, [low, high], width, y) {
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = style.getPropertyValue("--faint");
  pen.strokeStyle = style.getPropertyValue("--line");
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const decimals = chart.kind === "angle" ? 0 : 1;
  const levels = low < 0 && high > 0 ? [low, 0, high] : [low, high];
  for (const level of levels) {
    pen.lineWidth = level === 0 ? 1.5 : 1;
    pen.beginPath();
    pen.moveTo(LEFT, y(level));
    pen.lineTo(width, y(level));
    pen.stroke();
    const isCrowded = level === 0 && levels.some((other) => other !== 0 && Math.abs(y(other) - y(0)) < 12);
    if (!isCrowded) pen.fillText(level.toFixed(decimals), LEFT - 4, y(level));
  }
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillText(`-${WINDOW_S} s`, LEFT, HEIGHT - 1);
  pen.textAlign = "right";
  pen.fillText("now", width, HEIGHT - 1);
}

function span(chart, points) {
  let low = Infinity;
  let high = -Infinity;
  for (const [, values] of points) {
    for (const line of chart.lines) {
      const value = values[line.index];
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const step = LEAST[chart.kind] / 4;
  if (low > high) [low, high] = [-LEAST[chart.kind] / 2, LEAST[chart.kind] / 2];
  const middle = (low + high) / 2;
  const half = Math.max(high - low, LEAST[chart.kind]) / 2;
  return [Math.floor((middle - half) / step) * step, Math.ceil((middle + half) / step) * step];
}
