// The search runs in a worker, and browsers start none for a page that was opened from disk. There, the worker's script
// runs in a hidden frame of the page instead. It speaks as a worker does: `self.onmessage` hears, `self.postMessage` says.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.early = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      this.inside.postMessage = data => setTimeout(() => this.onmessage?.({ data }));
      const script = this.inside.document.createElement("script");
      script.src = url;
      script.onload = () => {
        const early = this.early;
        this.early = null;
        early.forEach(data => this.postMessage(data));
      };
      script.onerror = () => this.onerror?.(new ErrorEvent("error"));
      this.inside.document.body.append(script);
    }
    postMessage(data) {
      if (this.early) this.early.push(data);
      else setTimeout(() => this.inside.onmessage?.({ data }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
