package queue

import (
	"fmt"
	"log/slog"
	"strings"
)

// asynqLog gives Asynq's log to slog, one level lower: what matters of a job is
// logged by this package.
type asynqLog struct{ *slog.Logger }

func (l asynqLog) Debug(...any)      {}
func (l asynqLog) Info(args ...any)  { l.Logger.Debug(text(args)) }
func (l asynqLog) Warn(args ...any)  { l.Logger.Info(text(args)) }
func (l asynqLog) Error(args ...any) { l.Logger.Warn(text(args)) }

// Fatal does not end the process: lifecycle decides that.
func (l asynqLog) Fatal(args ...any) { l.Logger.Error(text(args)) }

func text(args []any) string { return "asynq: " + strings.TrimSpace(fmt.Sprint(args...)) }
