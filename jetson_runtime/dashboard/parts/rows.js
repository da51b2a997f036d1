// Names with their values: one group of what the service tells once a second.
export default {
  template: `
    <dl class="rows" :data-part="group">
      <div v-for="row in rows" :key="row.name" :class="row.tone"><dt>{{ row.name }}</dt><dd class="told">{{ row.value }}</dd></div>
      <div v-for="(line, i) in lines" :key="i"><dd class="told">{{ line.value }}</dd></div>
    </dl>`,
  props: { group: String },
  data() {
    return { rows: [], lines: [] };
  },
  mounted() {
    this.take = (event) => {
      const told = event.detail.account?.[this.group];
      if (!told) return;
      this.rows = told.filter((row) => row.name);
      this.lines = told.filter((row) => !row.name);
    };
    window.addEventListener("suit", this.take);
  },
  unmounted() {
    window.removeEventListener("suit", this.take);
  },
};
