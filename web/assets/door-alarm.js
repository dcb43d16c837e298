// What is heard and felt of a verdict: two rising tones and one short shake let somebody in;
// one low, long tone and three shakes do not.
let sound;

// wake prepares the sound; browsers want a touch first.
export function wake() {
  sound ??= new AudioContext();
  sound.resume();
}

export function alarm(good) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(good ? 80 : [250, 100, 250, 100, 250]);
  if (!sound) return;
  const tones = good ? [[660, 0, .09], [990, .1, .14]] : [[150, 0, .7]];
  for (const [pitch, from, long] of tones) {
    const tone = new OscillatorNode(sound, { type: good ? "sine" : "square", frequency: pitch });
    const gain = new GainNode(sound, { gain: .5 });
    tone.connect(gain).connect(sound.destination);
    tone.start(sound.currentTime + from);
    tone.stop(sound.currentTime + from + long);
  }
}
