// The list of recordings, each with its download.
export default {
  template: `
    <ul class="files" data-part="files">
      <li v-for="file in files" :key="file.name">
        <a v-if="file.can_be_had" :href="'/recordings/' + encodeURIComponent(file.name)" download>{{ file.name }}</a>
        <span v-else>{{ file.name }}</span>
        <small>{{ [file.labels, file.size, file.minutes, file.age, file.state].filter((text) => text).join(", ") }}</small>
      </li>
      <li v-if="!files.length">no recordings here</li>
    </ul>`,
  props: { files: Array },
};
