package app

import (
	"os"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// aliases are names that hosting platforms set by custom. USHER_… wins over them.
var aliases = map[string]string{"DATABASE_URL": "database.url", "REDIS_URL": "redis.url"}

// configEnv names the configuration file; it is no key of the file itself.
const configEnv = "USHER_CONFIG"

// keyEnv holds a key for commands that talk to the running Usher; it is no setting.
const keyEnv = "USHER_KEY"

// readEnv takes the settings of an environment: USHER_<KEY>, the aliases, and for
// each of them <NAME>_FILE, a file that holds the value (for secrets).
func (r keyring) readEnv(environ []string) ([]setting, []fault.Field) {
	names := map[string]string{}
	for path, k := range r {
		names[k.env()] = path
	}
	var own, custom []setting
	var faults []fault.Field
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(pair, "=")
		path, isAlias := aliases[strings.TrimSuffix(name, "_FILE")]
		if name == configEnv || name == keyEnv || !isAlias && !strings.HasPrefix(name, "USHER_") {
			continue
		}
		if !isAlias {
			path = envPath(names, name)
		}
		if path == "" {
			faults = append(faults, unknownEnv(names, name))
			continue
		}
		s, bad := r.fromEnv(path, name, text, names[name] == "" && strings.HasSuffix(name, "_FILE"))
		switch {
		case bad != nil:
			faults = append(faults, bad...)
		case isAlias:
			custom = append(custom, s)
		default:
			own = append(own, s)
		}
	}
	return append(custom, own...), faults
}

// envPath is the key that a variable sets, itself or by file; "" for none.
func envPath(names map[string]string, name string) string {
	if path := names[name]; path != "" {
		return path
	}
	bare, isFile := strings.CutSuffix(name, "_FILE")
	if !isFile {
		return ""
	}
	return names[bare]
}

func (r keyring) fromEnv(path, name, text string, isFile bool) (setting, []fault.Field) {
	if isFile {
		data, err := os.ReadFile(text)
		if err != nil {
			return setting{}, []fault.Field{{Name: path, Problem: "cannot be read from the file that " + name + " names", Fix: "check the path and its permissions"}}
		}
		text = string(data)
	}
	return r.fromText(path, name, text)
}

// fromText makes a setting of a variable's or flag's text.
func (r keyring) fromText(path, origin, text string) (setting, []fault.Field) {
	k := r[path]
	value, err := k.parse(text)
	if err != nil {
		return setting{}, []fault.Field{{Name: path, Problem: "is not a list in YAML (" + origin + ")"}}
	}
	return setting{path, value, origin}, k.check(value, origin)
}

func unknownEnv(names map[string]string, name string) fault.Field {
	known := make([]string, 0, len(names))
	for n := range names {
		known = append(known, n)
	}
	slices.Sort(known)
	fix := "unset it; `usher config print --env` lists every variable"
	if near := web.Nearest(name, known); near != "" {
		fix = "did you mean " + near + "?"
	}
	return fault.Field{Name: name, Problem: "sets no known key (environment)", Fix: fix}
}
