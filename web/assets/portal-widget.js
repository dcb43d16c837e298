// Tells the page around the widget how high it is. Nothing else leaves the frame.
const tell = () => parent.postMessage({ usherHeight: document.documentElement.offsetHeight }, "*");
new ResizeObserver(tell).observe(document.documentElement);
