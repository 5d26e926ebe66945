package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"codebank.dev/native/child"
	"codebank.dev/stack/doctor"
	"codebank.dev/stack/launch"
)

// pictureOptions say which page to take a picture of.
type pictureOptions struct {
	page, file    string
	width, height int
}

func (p *pictureOptions) bind(set *flag.FlagSet) {
	set.StringVar(&p.page, "page", "/dashboards/overview", "path of the page, with its parameters")
	set.StringVar(&p.file, "file", "docs/dashboard.png", "picture to write")
	set.IntVar(&p.width, "width", 1280, "width of the page in pixels")
	set.IntVar(&p.height, "height", 1400, "height of the picture in pixels")
}

// runPicture takes a picture of a page of the dashboards of a stack that runs.
func runPicture(ctx context.Context, o options, out io.Writer) error {
	p := o.picture
	if !strings.HasPrefix(p.page, "/") || p.width < 1 || p.height < 1 {
		return errors.New("--page must begin with /, and --width and --height must be at least 1")
	}
	program, remedy := doctor.Chromium()
	if program == "" {
		return fmt.Errorf("a picture needs Chromium: %s", remedy)
	}
	file, err := filepath.Abs(p.file)
	if err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "codebank-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	address := launch.Addresses{BasePort: o.basePort}.Dashboards() + p.page
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+profile, fmt.Sprintf("--window-size=%d,%d", p.width, p.height), "--screenshot="+file, address)
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)
	if err := child.Run(ctx, cmd, child.Options{}); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes, from %s\n", p.file, info.Size(), address)
	return err
}
