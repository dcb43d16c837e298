package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// patchOp is one step of the protocol's patch: RFC 6902 with add, remove and
// replace, and tags by their names.
type patchOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// patchable are the members a patch may change.
var patchable = []string{"tags", "pushChannel", "templates", "pushVariables", "secondaryTiles", "userId", "platform"}

// patched gives in after ops. Errors: fault.Invalid naming the operation.
func patched(in installation, ops []patchOp) (installation, error) {
	whole, err := json.Marshal(in)
	var doc map[string]any
	if err == nil {
		err = json.Unmarshal(whole, &doc)
	}
	if err != nil {
		return in, fault.E("azure.Patch", fault.Internal, "cannot read the installation", err)
	}
	if len(ops) == 0 {
		return in, fault.E("azure.Patch", fault.Invalid, "the patch has no operations", nil).WithFix(`such as [{"op": "add", "path": "/tags", "value": "vip"}]`)
	}
	for i, o := range ops {
		if problem := o.apply(doc); problem != "" {
			return in, fault.BadField("azure.Patch", fmt.Sprintf("[%d]", i), problem, `{"op": "add", "remove" or "replace", "path": "/tags/vip", "value": …}`)
		}
	}
	if whole, err = json.Marshal(doc); err != nil {
		return in, fault.E("azure.Patch", fault.Internal, "cannot write the installation", err)
	}
	return readInstallation(whole)
}

// apply makes one step; it says what is wrong with it.
func (o patchOp) apply(doc map[string]any) (problem string) {
	if !slices.Contains([]string{"add", "remove", "replace"}, o.Op) {
		return fmt.Sprintf("op %q is not offered", o.Op)
	}
	path := strings.Split(o.Path, "/")
	if len(path) < 2 || path[0] != "" || !slices.Contains(patchable, path[1]) {
		return fmt.Sprintf("path %q names no member that can be changed", o.Path)
	}
	for i := range path {
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(path[i])
	}
	var value any
	if o.Op != "remove" {
		dec := json.NewDecoder(bytes.NewReader(o.Value))
		if dec.Decode(&value) != nil || value == nil {
			return "value is missing"
		}
	}
	if path[len(path)-1] == "tags" || len(path) > 2 && path[len(path)-2] == "tags" {
		return o.applyTag(doc, path[1:], value)
	}
	return o.applyMember(doc, path[1:], value)
}

// applyTag changes a list of tags: the installation's, or a template's.
func (o patchOp) applyTag(doc map[string]any, path []string, value any) string {
	named := ""
	if path[len(path)-1] != "tags" {
		named, path = path[len(path)-1], path[:len(path)-1]
	}
	parent := walk(doc, path[:len(path)-1])
	if parent == nil {
		return "path names nothing that is there"
	}
	tags, _ := parent["tags"].([]any)
	if o.Op == "replace" {
		if tags = without(tags, named); named == "" {
			tags = nil
		}
	}
	switch v := value.(type) {
	case nil:
		if tags = without(tags, named); named == "" {
			tags = nil
		}
	case []any:
		tags = append(tags, v...)
	case string:
		tags = append(without(tags, v), v)
	default:
		return "value is no tag"
	}
	parent["tags"] = tags
	return ""
}

// without leaves a tag out, in whatever letters it is written.
func without(tags []any, name string) []any {
	return slices.DeleteFunc(tags, func(t any) bool { s, _ := t.(string); return strings.EqualFold(s, name) })
}

// applyMember sets or removes any other member. Values that are objects may be
// written as texts: that is how the clients send templates.
func (o patchOp) applyMember(doc map[string]any, path []string, value any) string {
	last := path[len(path)-1]
	if len(path) > 1 && o.Op == "add" && doc[path[0]] == nil {
		doc[path[0]] = map[string]any{}
	}
	parent := walk(doc, path[:len(path)-1])
	if parent == nil {
		return "path names nothing that is there"
	}
	if o.Op == "remove" {
		if _, there := parent[last]; !there {
			return "path names nothing that is there"
		}
		delete(parent, last)
		return ""
	}
	structured := last == "templates" || last == "pushVariables" || last == "secondaryTiles" || len(path) == 2 && (path[0] == "templates" || path[0] == "secondaryTiles")
	if text, ok := value.(string); ok && structured {
		var object any
		if json.Unmarshal([]byte(text), &object) != nil {
			return "value is no JSON object"
		}
		value = object
	}
	parent[last] = value
	return ""
}

// walk goes down from object to object; nil when one is missing.
func walk(doc map[string]any, path []string) map[string]any {
	for _, name := range path {
		next, ok := doc[name].(map[string]any)
		if !ok {
			return nil
		}
		doc = next
	}
	return doc
}

// replacing are the hub's operations that make one installation into another.
func replacing(to stored) ([]hub.PatchOp, error) {
	fields := []struct {
		path  string
		value any
	}{
		{"/kind", to.Kind}, {"/handle", to.Handle}, {"/p256dh", to.P256dh}, {"/auth", to.Auth}, {"/user", to.User},
		{"/tags", append([]string{}, to.Tags...)}, {"/attributes", orEmpty(to.Props)}, {"/templates", orEmpty(to.Templates)},
	}
	ops := make([]hub.PatchOp, len(fields))
	for i, f := range fields {
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fault.E("azure.Patch", fault.Internal, "cannot write the installation", err)
		}
		ops[i] = hub.PatchOp{Op: "replace", Path: f.path, Value: value}
	}
	return ops, nil
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}
