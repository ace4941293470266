// Browsers refuse to start a worker in a page that is opened as a file. The search of the site runs
// in a worker. In such a page, run it in a hidden frame instead, which answers to the same messages.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.scope = frame.contentWindow;
      this.scope.postMessage = (data) => this.deliver(this, data);
      this.scope.importScripts = (...urls) => urls.forEach((one) => this.load(one));
      this.waiting = [];
      this.load(url, () => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.deliver(this.scope, data));
      });
    }

    load(url, then = () => {}) {
      const script = this.scope.document.createElement("script");
      script.src = url;
      script.onload = then;
      this.scope.document.body.append(script);
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.deliver(this.scope, data);
    }

    deliver(to, data) {
      const event = new MessageEvent("message", { data });
      setTimeout(() => {
        to.dispatchEvent(event);
        if (to === this && this.onmessage) this.onmessage(event);
      });
    }

    terminate() {}
  };
}
