// Package fault is Usher's one error type.
//
// An error has two audiences: Message (and Field, Fix) is for the person or
// program that called us; Err is the cause, for the operator's log alone.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code classifies an error for its callers. It is stable: clients switch on it.
type Code string

// The codes. One table maps them to HTTP (kernel/web), one to jobs (Retryable).
const (
	Invalid         Code = "invalid"
	Unauthenticated Code = "unauthenticated"
	Forbidden       Code = "forbidden"
	NotFound        Code = "not_found"
	Conflict        Code = "conflict"
	Limited         Code = "limited"
	TooLarge        Code = "too_large"
	Transient       Code = "transient"
	Internal        Code = "internal"
)

// Field is one thing wrong with the input: where, what, and how to mend it.
type Field struct {
	Name    string `json:"field"`          // path in the input, such as "tags[3]"
	Problem string `json:"problem"`        // what is wrong
	Fix     string `json:"fix,omitempty"`  // what to write instead
	Line    int    `json:"line,omitempty"` // of a file, from 1
}

// Error is what every package of Usher returns when it fails.
type Error struct {
	Op         string        // operation that failed, such as "hub.Send"
	Code       Code          // class of the fault
	Message    string        // for the caller; no secrets, no internals
	Fix        string        // how the caller can mend it, if it can
	Fields     []Field       // what is wrong with which input field
	RetryAfter time.Duration // for Limited and Transient; 0 means unknown
	Err        error         // cause, for the log only
}

// E makes an Error. message is shown to the caller, err only to the operator.
func E(op string, code Code, message string, err error) *Error {
	return &Error{Op: op, Code: code, Message: message, Err: err}
}

// BadField makes an Invalid error about one input field.
func BadField(op, field, problem, fix string) *Error {
	return &Error{
		Op: op, Code: Invalid, Message: field + ": " + problem, Fix: fix,
		Fields: []Field{{Name: field, Problem: problem, Fix: fix}},
	}
}

// BadFields makes an Invalid error about several input fields at once.
// It returns nil when fields is empty, so that a validator can end with it.
func BadFields(op string, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name + ": " + f.Problem
	}
	return &Error{Op: op, Code: Invalid, Message: strings.Join(names, "; "), Fix: fields[0].Fix, Fields: fields}
}

// WithFix says how the caller can mend the fault.
func (e *Error) WithFix(fix string) *Error { e.Fix = fix; return e }

// After says when a Limited or Transient call may be repeated.
func (e *Error) After(d time.Duration) *Error { e.RetryAfter = d; return e }

// Error is the operator's view: operation, code, message and cause.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %s", e.Op, e.Code, e.Message)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the outermost Error in err's chain; Internal for a
// foreign error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// Message is what the caller may read of err: an Error's Message, or a plain
// sentence for a foreign error.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "something went wrong inside Usher"
}

// Is reports whether err carries the code.
func Is(err error, code Code) bool { return CodeOf(err) == code }

// Retryable reports whether a job that failed with err is worth repeating.
func Retryable(err error) bool {
	switch CodeOf(err) {
	case Limited, Transient, Internal:
		return true
	}
	return false
}
