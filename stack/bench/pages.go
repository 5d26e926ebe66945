package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/stack/launch"
)

const (
	// firstVisit is the name of the figure of the bytes of a first visit.
	firstVisit = "PageFirstVisit"
	// pageTimeout bounds one request for a page.
	pageTimeout = time.Minute
)

// pageName returns the name of the figure of a dashboard's page.
func pageName(board view.Dashboard) string {
	return "Page" + strings.TrimPrefix(figureName(board), "Dashboard")
}

// pages measures the pages of the dashboards, which the program of the stack serves: the time
// until a whole page is there, and the bytes of a first visit.
func (w *workbench) pages(ctx context.Context, year query.Range) (figures []Figure, err error) {
	program := w.stack.Process(launch.Dashboards)
	if program == nil {
		return nil, errors.New("the stack serves no dashboards")
	}
	if err := program.Start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, program.Stop(context.WithoutCancel(ctx))) }()
	if err := program.WaitReady(ctx); err != nil {
		return nil, err
	}
	visits := Figure{
		Name: firstVisit, Unit: "kB", Setting: "the largest of the dashboards: page, stylesheets, scripts and images, with the headers of the answers, as sent",
	}
	for _, board := range catalogue.Dashboards() {
		f, err := w.measurePage(ctx, board, &year)
		if err != nil {
			return nil, fmt.Errorf("the page of %s: %w", board.ID, err)
		}
		figures = append(figures, f)
		visit := Series{Name: board.ID, Unit: "visit-kB"}
		for round := range w.options.longRounds() {
			year.From = year.From.Add(rangeShift)
			size, err := w.visit(ctx, w.pageAddress(board, year))
			if err != nil {
				return nil, fmt.Errorf("a first visit of %s: %w", board.ID, err)
			}
			visit.Values = append(visit.Values, size)
			if round >= len(visits.Values) {
				visits.Values = append(visits.Values, 0)
			}
			visits.Values[round] = max(visits.Values[round], size)
		}
		visits.Terms = append(visits.Terms, visit)
	}
	return append(figures, visits), nil
}

// pageAddress is the address of a dashboard over a range. The range ends in the past, so that
// the page has no reason to look for new events.
func (w *workbench) pageAddress(board view.Dashboard, span query.Range) string {
	values := url.Values{"from": {span.From.Format(time.RFC3339Nano)}, "to": {span.To.Format(time.RFC3339Nano)}}
	return w.stack.Addresses().Dashboards() + "/dashboards/" + board.ID + "?" + values.Encode()
}

// measurePage measures the page of one dashboard. Every request has a range that no request had
// before, so that no answer comes from a cache, neither that of the pages nor that of the index.
func (w *workbench) measurePage(ctx context.Context, board view.Dashboard, span *query.Range) (Figure, error) {
	f := Figure{Name: pageName(board), Unit: "ms"}
	median := Series{Name: "median", Unit: "median-ms"}
	client := browserClient(nil)
	defer client.CloseIdleConnections()
	// The first round warms up the index and the program, and is not counted.
	for round := range w.options.longRounds() + 1 {
		var took []float64
		fewest := 0
		for request := range requestsPerRound {
			span.From = span.From.Add(rangeShift)
			began := time.Now()
			page, err := fetch(ctx, client, w.pageAddress(board, *span))
			if err != nil {
				return Figure{}, err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
			shown, err := countShown(page)
			if err != nil {
				return Figure{}, err
			}
			if request == 0 || shown < fewest {
				fewest = shown
			}
		}
		if round == 0 {
			continue
		}
		slices.Sort(took)
		f.Setting = fmt.Sprintf("the whole page by GET with gzip, %d figures in text, %d requests a round, no cached answer; 95 of 100 take at most", fewest, requestsPerRound)
		f.Values = append(f.Values, quantile(took, 0.95))
		median.Values = append(median.Values, Median(took))
	}
	f.Terms = []Series{median}
	return f, nil
}

// browserClient returns a client that keeps connections and does not undo the compression. It
// adds the bytes that it receives to received, unless that is nil.
func browserClient(received *atomic.Int64) *http.Client {
	dialer := net.Dialer{Timeout: pageTimeout}
	return &http.Client{Timeout: pageTimeout, Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := dialer.DialContext(ctx, network, address)
			if err != nil || received == nil {
				return connection, err
			}
			return countedConn{connection, received}, nil
		},
	}}
}

// countedConn is a connection that counts the bytes that it receives.
type countedConn struct {
	net.Conn
	received *atomic.Int64
}

// Read reads from the connection.
func (c countedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.received.Add(int64(n))
	return n, err
}

// fetch gets a page or a file as a browser does, and returns its content as it was sent.
func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "gzip" {
		return nil, fmt.Errorf("%s: %s, encoding %q", address, response.Status, response.Header.Get("Content-Encoding"))
	}
	return content, nil
}

// unpacked undoes the compression.
func unpacked(content []byte) (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}

var (
	shownFigure = regexp.MustCompile(`<data value="[^"]+"`)
	linkedFile  = regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`)
)

// countShown counts the figures in the text of a page that have a value. A page without any
// figure, or with a panel that has an error, is an error, because it would be fast.
func countShown(page []byte) (int, error) {
	text, err := unpacked(page)
	if err != nil {
		return 0, err
	}
	if strings.Contains(text, `class="message bad"`) {
		return 0, errors.New("a panel shows an error")
	}
	n := len(shownFigure.FindAllString(text, -1))
	if n == 0 {
		return 0, errors.New("no panel shows a figure")
	}
	return n, nil
}

// visit returns the kilobytes that a browser with an empty cache receives for a page and all
// its files.
func (w *workbench) visit(ctx context.Context, address string) (float64, error) {
	var received atomic.Int64
	client := browserClient(&received)
	defer client.CloseIdleConnections()
	page, err := fetch(ctx, client, address)
	if err != nil {
		return 0, err
	}
	if _, err := countShown(page); err != nil {
		return 0, err
	}
	text, err := unpacked(page)
	if err != nil {
		return 0, err
	}
	var files []string
	for _, match := range linkedFile.FindAllStringSubmatch(text, -1) {
		files = append(files, match[1])
	}
	slices.Sort(files)
	if files = slices.Compact(files); len(files) == 0 {
		return 0, errors.New("the page has no files")
	}
	for _, file := range files {
		content, err := fetch(ctx, client, w.stack.Addresses().Dashboards()+file)
		if err != nil {
			return 0, err
		}
		if text, err := unpacked(content); err != nil || strings.Contains(text, "url(") || strings.Contains(text, "@import") {
			return 0, errors.Join(err, fmt.Errorf("%s may name further files, which are not counted", file))
		}
	}
	return float64(received.Load()) / 1000, nil
}
