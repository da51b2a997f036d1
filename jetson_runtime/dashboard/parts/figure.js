// The stick figure: lines in body heights, x forward, y up.
const LINES = ["leg_l", "trunk", "leg_r"];

export default {
  template: `
    <figure class="figure" data-part="figure">
      <svg viewBox="-0.62 -1.12 1.24 1.2" role="img" aria-label="stick figure seen from the right">
        <line x1="-0.6" y1="0" x2="0.6" y2="0" class="ground"></line>
        <g class="live">
          <polyline v-for="name in names" :key="name" :class="name" :points="lines[name] || ''"></polyline>
          <circle v-if="lines.head" :cx="lines.head[0]" :cy="lines.head[1]" r="0.06" class="head"></circle>
        </g>
      </svg>
      <figcaption>{{ known ? "right leg solid, left leg dashed; the pelvis is drawn upright" : "no valid angles" }}</figcaption>
    </figure>`,
  data() {
    return { names: LINES, lines: {}, known: false };
  },
  mounted() {
    this.take = (event) => this.show(event.detail.live);
    window.addEventListener("suit", this.take);
  },
  unmounted() {
    window.removeEventListener("suit", this.take);
  },
  methods: {
    show(live) {
      if (!live) return;
      const lines = {};
      for (const [name, points] of Object.entries(live.figure || {})) {
        lines[name] = points.map(([x, y]) => `${x},${-y}`).join(" ");
      }
      const top = live.figure?.trunk?.[2];
      if (top) lines.head = [top[0], -top[1] + 0.06];
      this.lines = lines;
      this.known = Object.keys(lines).length > 0;
    },
  },
};
