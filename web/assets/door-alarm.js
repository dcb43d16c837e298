// What is heard and felt of a verdict: two rising tones and one short shake let somebody in; the
// same twice, when there is money to take first; one low, long tone and three shakes do not.
let sound;

// wake prepares the sound; browsers want a touch first.
export function wake() {
  sound ??= new AudioContext();
  sound.resume();
}

const rising = [[660, 0, .09], [990, .1, .14]];
const kinds = {
  good: { shakes: [80], tones: rising },
  due: { shakes: [80, 200, 80], tones: [...rising, [660, .4, .09], [990, .5, .14]] },
  bad: { shakes: [250, 100, 250, 100, 250], tones: [[150, 0, .7]] },
};

export function alarm(kind) {
  const { shakes, tones } = kinds[kind];
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(shakes);
  if (!sound) return;
  for (const [pitch, from, long] of tones) {
    const tone = new OscillatorNode(sound, { type: kind === "bad" ? "square" : "sine", frequency: pitch });
    const gain = new GainNode(sound, { gain: .5 });
    tone.connect(gain).connect(sound.destination);
    tone.start(sound.currentTime + from);
    tone.stop(sound.currentTime + from + long);
  }
}
