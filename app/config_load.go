package app

import (
	"errors"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Sources are where settings come from, the later ones winning:
// Defaults < file < environment < flags.
type Sources struct {
	File    string   // --config; "": USHER_CONFIG, else config.yaml here if there is one
	Environ []string // as os.Environ
	Flags   []Flag
}

// Flag is a setting from the command line.
type Flag struct {
	Name string // as typed, such as "--listen"
	Path string // key it sets
	Text string
}

// Loaded is a checked configuration that remembers where each value came from.
type Loaded struct {
	Config
	origins map[string]string // path → origin; absent: default
}

// LoadConfig merges the sources and checks the result. All faults are reported
// at once: unknown keys with their line and the nearest known key, wrong types,
// values out of bounds. Errors: fault.Invalid.
func LoadConfig(src Sources) (*Loaded, error) {
	const op = "app.Config"
	ring := newKeyring()
	file, asked := src.file()
	settings, faults, err := ring.readFile(file, asked)
	if err != nil {
		return nil, err
	}
	fromEnv, bad := ring.readEnv(src.Environ)
	settings, faults = append(settings, fromEnv...), append(faults, bad...)
	fromFlags, bad := ring.readFlags(src.Flags)
	settings, faults = append(settings, fromFlags...), append(faults, bad...)

	l, err := merge(settings)
	if err != nil {
		return nil, err
	}
	for _, f := range fieldsOf(l.Validate()) {
		if origin, ok := l.origins[f.Name]; ok {
			f.Problem += " (" + origin + ")"
		}
		faults = append(faults, f)
	}
	return l, fault.BadFields(op, faults)
}

func (s Sources) file() (path string, asked bool) {
	if s.File != "" {
		return s.File, true
	}
	for _, pair := range s.Environ {
		if path, ok := strings.CutPrefix(pair, configEnv+"="); ok && path != "" {
			return path, true
		}
	}
	return "config.yaml", false
}

func (r keyring) readFlags(flags []Flag) (settings []setting, faults []fault.Field) {
	for _, f := range flags {
		if _, known := r[f.Path]; !known {
			faults = append(faults, r.unknown(f.Path, f.Name))
			continue
		}
		s, bad := r.fromText(f.Path, f.Name, f.Text)
		if bad != nil {
			faults = append(faults, bad...)
			continue
		}
		settings = append(settings, s)
	}
	return settings, faults
}

// merge lays the settings over the defaults, in order. They have been checked
// one by one, so that what fails here is a fault of ours.
func merge(settings []setting) (*Loaded, error) {
	l := &Loaded{Config: Defaults(), origins: map[string]string{}}
	k := koanf.New(".")
	var errs []error
	for _, s := range settings {
		errs = append(errs, k.Load(confmap.Provider(map[string]any{s.path: s.value}, "."), nil))
		l.origins[s.path] = s.origin
	}
	errs = append(errs, k.UnmarshalWithConf("", &l.Config, koanf.UnmarshalConf{
		DecoderConfig: &mapstructure.DecoderConfig{Result: &l.Config, WeaklyTypedInput: true, DecodeHook: settingHook},
	}))
	if err := errors.Join(errs...); err != nil {
		return nil, fault.E("app.Config", fault.Internal, "cannot merge the configuration", err)
	}
	return l, nil
}

// fieldsOf is what an Invalid error says about each key.
func fieldsOf(err error) []fault.Field {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Fields
	}
	return nil
}
