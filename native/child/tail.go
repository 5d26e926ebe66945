package child

import (
	"bytes"
	"io"
	"os"
)

// tailBytes bounds what [Tail] reads of a log, however long its lines are.
const tailBytes = 64 << 10

// Tail returns the last lines of a log file. It is empty if the file cannot be read, because it
// only adds detail to another error.
func Tail(path string, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-tailBytes), io.SeekStart)
	}
	content, err := io.ReadAll(io.LimitReader(file, tailBytes))
	if err != nil {
		return ""
	}
	content = bytes.TrimRight(content, "\n")
	start := len(content)
	for range lines {
		start = bytes.LastIndexByte(content[:start], '\n')
		if start < 0 {
			return string(content)
		}
	}
	return string(content[start+1:])
}
