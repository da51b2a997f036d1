// The insoles seen from above, toes up, with their centre of pressure.
const NOTHING = 255;
const CELL = 7;
const FULL_KPA = 300;
// From no pressure to FULL_KPA; lightness falls all the way, so that it reads without colours, too.
const STOPS = [[238, 241, 238], [250, 214, 107], [235, 120, 52], [178, 34, 68], [74, 12, 72]];

export default {
  template: `
    <div class="feet" data-part="feet">
      <figure v-for="side in ['l', 'r']" :key="side">
        <canvas :ref="side" class="live" width="77" height="217"></canvas>
        <figcaption>{{ side === "l" ? "left" : "right" }}: <span class="live">{{ words[side] }}</span></figcaption>
      </figure>
      <p class="legend"><i></i>0 to ${FULL_KPA} kPa, the ring is the centre of pressure</p>
    </div>`,
  data() {
    return { words: { l: "no map", r: "no map" } };
  },
  mounted() {
    this.take = (event) => event.detail.live && this.show(event.detail.live.feet);
    window.addEventListener("suit", this.take);
  },
  unmounted() {
    window.removeEventListener("suit", this.take);
  },
  methods: {
    show(feet) {
      for (const side of ["l", "r"]) {
        const foot = feet[side];
        this.words[side] = foot ? `${foot.force_n} N, at most ${foot.most_kpa} kPa` : "no map";
        draw(this.$refs[side][0], foot);
      }
    },
  },
};

function draw(canvas, foot) {
  const pen = canvas.getContext("2d");
  if (foot && (canvas.width !== foot.columns * CELL || canvas.height !== foot.rows * CELL)) {
    canvas.width = foot.columns * CELL;
    canvas.height = foot.rows * CELL;
  }
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!foot) return;
  const cells = Uint8Array.from(atob(foot.map), (letter) => letter.charCodeAt(0));
  cells.forEach((value, place) => {
    if (value === NOTHING) return;
    pen.fillStyle = colour((value * foot.unit_kpa) / FULL_KPA);
    pen.fillRect((place % foot.columns) * CELL, Math.floor(place / foot.columns) * CELL, CELL - 1, CELL - 1);
  });
  if (!foot.centre) return;
  const [row, column] = foot.centre;
  pen.beginPath();
  pen.arc((column + 0.5) * CELL, (row + 0.5) * CELL, 6, 0, 2 * Math.PI);
  pen.lineWidth = 5;
  pen.strokeStyle = "#fff";
  pen.stroke();
  pen.lineWidth = 2.5;
  pen.strokeStyle = "#0b5fa5";
  pen.stroke();
}

function colour(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (STOPS.length - 1);
  const [low, high] = [STOPS[Math.floor(at)], STOPS[Math.floor(at) + 1]];
  const mixed = low.map((value, i) => Math.round(value + (high[i] - value) * (at % 1)));
  return `rgb(${mixed.join(",")})`;
}
