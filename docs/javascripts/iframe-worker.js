// The search runs in a worker, and browsers start none on a page that was opened from a folder (file://).
// There an invisible frame stands in for it.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      this.loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }))
      this.frame = frame
      inside.document.open()
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.document.write(`<script src="${new URL(url, document.baseURI)}"><\/script>`)
      inside.document.close()
    }

    postMessage(data) {
      this.loaded.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() {
      this.frame.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
