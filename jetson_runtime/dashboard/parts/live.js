// Takes in what the page shows and tells every part of it; says so when nothing comes any more.
const SILENCE_MS = 900;
const AGAIN_MS = 500;
// The server's word for a session that has ended: the page then is the log-in form.
const LOGGED_OUT = 1008;

export default {
  template: `
    <div class="headline" :class="shown.tone" data-part="headline">
      <div class="word" data-part="word">{{ shown.word }}</div>
      <div class="todo">{{ shown.todo }}</div>
      <div class="silence" role="alert" v-if="silence" data-part="silence">{{ silence }}</div>
      <ol class="faults" v-if="faults.length && !silence">
        <li v-for="fault in faults" :key="fault.number + fault.who">
          <b>Fault {{ fault.number }}, {{ fault.who }}: {{ fault.what }}</b>
          <span v-if="fault.text !== fault.what"> ({{ fault.text }})</span>
          <div>&rarr; {{ fault.remedy }}</div>
        </li>
      </ol>
      <p v-for="text in silence ? [] : warnings" :key="text" class="warning">{{ text }}</p>
    </div>`,
  data() {
    return {
      headline: { word: "CONNECTING", tone: "none", todo: "" },
      faults: [],
      warnings: [],
      silence: "",
    };
  },
  computed: {
    shown() {
      return this.silence ? { word: "SILENT", tone: "bad", todo: this.headline.todo } : this.headline;
    },
  },
  mounted() {
    this.heard = performance.now();
    this.silent_s = null;
    this.trouble = "";
    this.ended = false;
    this.connect();
    this.timer = setInterval(() => this.look(), 200);
  },
  unmounted() {
    this.ended = true;
    clearInterval(this.timer);
    this.socket.close();
  },
  methods: {
    connect() {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      this.socket = new WebSocket(`${scheme}://${location.host}/live`);
      this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
      this.socket.onclose = (event) => {
        if (event.code === LOGGED_OUT) location.reload();
        else if (!this.ended) setTimeout(() => this.connect(), AGAIN_MS);
      };
    },
    take(message) {
      if (message.live) {
        this.heard = performance.now();
        this.headline = message.live.headline;
        this.silent_s = message.live.silent_s;
        this.trouble = message.live.trouble;
        this.faults = message.live.faults;
        this.warnings = message.live.warnings;
        this.look();
      }
      window.dispatchEvent(new CustomEvent("suit", { detail: message }));
    },
    look() {
      const gap_ms = performance.now() - this.heard;
      const isLost = gap_ms > SILENCE_MS;
      if (isLost) {
        this.silence = `nothing heard from this page's server since ${clock(gap_ms)}`;
        this.headline.todo = "";
      } else if (this.trouble) {
        this.silence = this.trouble;
      } else if (this.silent_s !== null) {
        this.silence = `nothing heard from the suit since ${clock(this.silent_s * 1000)}`;
      } else {
        this.silence = "";
      }
      document.body.classList.toggle("silent", this.silence !== "");
      document.body.classList.toggle("lost", isLost);
    },
  },
};

function clock(ago_ms) {
  return new Date(Date.now() - ago_ms).toLocaleTimeString([], { hour12: false });
}
