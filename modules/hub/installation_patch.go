package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// PatchOp is one operation of a JSON Patch (RFC 6902): add, remove, replace or test.
//
// Tags may be named as well as numbered, as Azure Notification Hubs has it: add
// "vip" to "/tags", remove "/tags/vip". A named tag that is not there is removed already.
type PatchOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

const maxPatch = 100 // operations

// patchable are the fields a patch may change, with what they hold when empty: a
// document without gaps, so that replace finds each.
var patchable = map[string]string{
	"kind": `""`, "handle": `""`, "p256dh": `""`, "auth": `""`, "topic": `""`, "user": `""`, "locale": `""`, "zone": `""`,
	"currency": `""`, "units": `""`, "quiet": `null`, "tags": `[]`, "attributes": `{}`, "templates": `{}`, "expires_at": `null`,
}

// patched is in after ops; not validated yet. Errors: fault.Invalid naming the operation.
func patched(in Installation, ops []PatchOp) (Installation, error) {
	const op = "hub.Patch"
	if len(ops) == 0 || len(ops) > maxPatch {
		return in, fault.E(op, fault.Invalid, fmt.Sprintf("the patch has %d operations", len(ops)), nil).
			WithFix(fmt.Sprintf(`1 to %d, such as [{"op": "add", "path": "/tags/-", "value": "vip"}]`, maxPatch))
	}
	doc, err := patchDocument(in)
	for i, o := range ops {
		if err == nil {
			doc, err = o.apply(doc)
		}
		if fault.Is(err, fault.Conflict) {
			return in, err
		}
		if err != nil {
			name := fmt.Sprintf("[%d]", i)
			return in, fault.BadField(op, name, fault.Message(err), mendOf(err))
		}
	}
	out := Installation{App: in.App, ID: in.ID, Status: in.Status, StatusReason: in.StatusReason}
	return out, web.Decode(doc, &out)
}

func patchDocument(in Installation) ([]byte, error) {
	whole, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(whole, &fields); err != nil {
		return nil, err
	}
	doc := make(map[string]json.RawMessage, len(patchable))
	for name, empty := range patchable {
		doc[name] = json.RawMessage(empty)
		if value, ok := fields[name]; ok {
			doc[name] = value
		}
	}
	return json.Marshal(doc)
}

// apply makes one step; it leaves doc alone when it fails.
func (o PatchOp) apply(doc []byte) ([]byte, error) {
	const op = "hub.Patch"
	if !slices.Contains([]string{"add", "remove", "replace", "test"}, o.Op) {
		return nil, fault.E(op, fault.Invalid, fmt.Sprintf("op %q is not offered", clip(o.Op)), nil).WithFix("add, remove, replace or test")
	}
	path := strings.Split(o.Path, "/")
	if len(path) < 2 || path[0] != "" || patchable[path[1]] == "" {
		return nil, fault.E(op, fault.Invalid, fmt.Sprintf("path %q names no field that can be changed", clip(o.Path)), nil).
			WithFix(`such as "/tags/-", "/locale" or "/attributes/name"`)
	}
	if path[1] == "tags" {
		if named, rest, err := o.applyTag(doc, path[2:]); named || err != nil {
			return rest, err
		}
	}
	one, err := json.Marshal([]PatchOp{o})
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "the operation is not JSON", err)
	}
	patch, err := jsonpatch.DecodePatch(one)
	if err == nil {
		doc, err = patch.Apply(doc)
	}
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return nil, fault.E(op, fault.Conflict, "the test does not hold", err).WithFix("read the installation again")
	case err != nil:
		return nil, fault.E(op, fault.Invalid, fmt.Sprintf("%s %q does not fit the installation", o.Op, clip(o.Path)), err).
			WithFix("read the installation and look at what is there")
	}
	return doc, nil
}

// applyTag makes a step that names a tag; named is false for one by number.
func (o PatchOp) applyTag(doc []byte, rest []string) (named bool, out []byte, err error) {
	var value string
	plain := json.Unmarshal(o.Value, &value) == nil
	adds := len(rest) == 0 && o.Op == "add" && plain
	names := len(rest) == 1 && rest[0] != "-" && strings.Trim(rest[0], "0123456789") != "" && (o.Op == "remove" || o.Op == "replace" && plain)
	if !adds && !names {
		return false, nil, nil
	}
	var fields map[string]json.RawMessage
	var tags []string
	if err := json.Unmarshal(doc, &fields); err != nil {
		return true, nil, err
	}
	if err := json.Unmarshal(fields["tags"], &tags); err != nil {
		return true, nil, fault.E("hub.Patch", fault.Invalid, "tags is no list of strings any more", err)
	}
	if names {
		old := tagexpr.Normal(strings.NewReplacer("~1", "/", "~0", "~").Replace(rest[0]))
		tags = slices.DeleteFunc(tags, func(t string) bool { return tagexpr.Normal(t) == old })
	}
	if o.Op != "remove" {
		tags = append(tags, value)
	}
	if fields["tags"], err = json.Marshal(append([]string{}, tags...)); err != nil {
		return true, nil, err
	}
	out, err = json.Marshal(fields)
	return true, out, err
}

// mendOf is the fix an error states; "" when it states none.
func mendOf(err error) string { return fieldsOf(err, "")[0].Fix }
