// The eight sensors: on a body seen from behind, and each with its figures.
const SPOTS = {
  imu_back: [60, 74],
  imu_pelvis: [60, 116],
  imu_thigh_r: [75, 148],
  imu_thigh_l: [45, 148],
  imu_shank_r: [74, 196],
  imu_shank_l: [46, 196],
  insole_r: [77, 238],
  insole_l: [43, 238],
};
const SIGNS = { good: "✓", wait: "!", bad: "✕", none: "?" };
const COLUMNS = [
  ["rate", "Hz"],
  ["age", "age ms"],
  ["drops", "drops"],
  ["bad", "bad bytes"],
  ["offset", "clock s"],
  ["uncertainty", "± ms"],
];

export default {
  template: `
    <div class="sensors" data-part="sensors">
      <svg viewBox="0 0 120 252" class="body" role="img" aria-label="where the sensors sit, seen from behind">
        <path class="outline" d="M60 8 a13 14 0 1 0 .1 0 M50 40 q10 6 20 0 q16 2 19 12 l7 46 -3 22 q-5 4 -7 -1 l0 -20
          -6 -30 -3 26 q6 16 5 38 l-6 48 1 34 q0 10 8 16 q4 5 -3 6 l-14 0 q-5 -2 -4 -9 l-2 -46 -5 -50 -5 50 -2 46
          q1 7 -4 9 l-14 0 q-7 -1 -3 -6 q8 -6 8 -16 l1 -34 -6 -48 q-1 -22 5 -38 l-3 -26 -6 30 0 20 q-2 5 -7 1 l-3 -22
          7 -46 q3 -10 19 -12z"></path>
        <g v-for="sensor in sensors" :key="sensor.name" :class="'spot told ' + sensor.tone">
          <circle :cx="spot(sensor)[0]" :cy="spot(sensor)[1]" r="7"></circle>
          <text :x="spot(sensor)[0]" :y="spot(sensor)[1] + 3.2">{{ sign(sensor) }}</text>
          <title>{{ sensor.label }}: {{ sensor.word }}</title>
        </g>
      </svg>
      <div class="table">
        <article v-for="sensor in sensors" :key="sensor.name" :data-sensor="sensor.name" :data-tone="sensor.tone">
          <header><b>{{ sensor.label }}</b><span class="badge told" :class="sensor.tone">{{ sensor.word }}</span></header>
          <dl>
            <div v-for="[key, title] in columns" :key="key"><dt>{{ title }}</dt><dd class="told" :data-key="key">{{ sensor[key] }}</dd></div>
          </dl>
          <p v-if="sensor.detail" class="detail told">{{ sensor.detail }}</p>
        </article>
      </div>
    </div>`,
  data() {
    return { sensors: [], columns: COLUMNS };
  },
  mounted() {
    this.take = (event) => {
      if (event.detail.account) this.sensors = event.detail.account.sensors;
    };
    window.addEventListener("suit", this.take);
  },
  unmounted() {
    window.removeEventListener("suit", this.take);
  },
  methods: {
    spot(sensor) {
      return SPOTS[sensor.name];
    },
    sign(sensor) {
      return SIGNS[sensor.tone];
    },
  },
};
