package storage

import (
	"fmt"
	"log/slog"
	"strings"
)

// badgerLog sends Badger's log to slog, where its chatter is debug.
type badgerLog struct{ to *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any)   { l.log(slog.LevelError, format, args) }
func (l badgerLog) Warningf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }
func (l badgerLog) Infof(format string, args ...any)    { l.log(slog.LevelDebug, format, args) }
func (l badgerLog) Debugf(string, ...any)               {} // several for each write

func (l badgerLog) log(level slog.Level, format string, args []any) {
	if l.to.Enabled(nil, level) {
		l.to.Log(nil, level, "storage: badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
