package banking

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"codebank.dev/platform/fault"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	filesPerPage = 20
	// piece is how long a visitor may take to read a piece of a file.
	piece = time.Minute
)

// formats are the formats of files, in the order in which they are offered, by their names in forms.
var formats = []struct {
	name   string
	format statementv1.FileFormat
}{
	{"pdf", statementv1.FileFormat_FILE_FORMAT_PDF}, {"csv", statementv1.FileFormat_FILE_FORMAT_CSV}, {"ofx", statementv1.FileFormat_FILE_FORMAT_OFX_2},
	{"camt", statementv1.FileFormat_FILE_FORMAT_CAMT_053},
}

// fileList is the page of an account's files.
type fileList struct {
	Back, Account string
	Form          entry
	Files         []shownFile
	Pending       bool
	Again         string
}

type shownFile struct {
	Title, Detail, Link string
	Chip                *design.Chip
}

func (b *Banking) showFiles(c *customer) error { return b.askFile(c, nil) }

// askFile shows the files of an account, and the form for a new one. The form begins with the month before.
func (b *Banking) askFile(c *customer, wrong map[string]string) error {
	c.Tab("home")
	account := c.Path("account")
	answer, err := b.files.ListFiles(c.Context(), &statementv1.ListFilesRequest{Parent: "accounts/" + account, PageSize: filesPerPage})
	if err != nil {
		return err
	}
	page := fileList{Back: "/accounts/" + account, Account: shortNumber(account), Form: c.fileForm(account, wrong), Again: "/accounts/" + account + "/files"}
	for _, file := range answer.GetFiles() {
		shown := c.shownFile(account, file)
		page.Files = append(page.Files, shown)
		page.Pending = page.Pending || file.GetState() == statementv1.FileState_FILE_STATE_PENDING || file.GetState() == statementv1.FileState_FILE_STATE_RUNNING
	}
	status := 0
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return c.Show(site.Page{Template: "files", Title: c.Say("files.title"), Data: page, Status: status})
}

func (c *customer) fileForm(account string, wrong map[string]string) entry {
	now := c.Now().In(c.Zone())
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, c.Zone())
	format := design.Field{Name: "format", Label: c.Say("files.format"), Type: "select"}
	for _, one := range formats {
		format.Options = append(format.Options, design.Choice{Value: one.name, Text: c.Say("files." + one.name), Chosen: one.name == c.Value("format")})
	}
	form := entry{
		Title: c.Say("files.new"), Button: c.Say("files.make"), Action: "/accounts/" + account + "/files",
		Fields: []design.Field{
			{Name: "from", Label: c.Say("filter.from"), Type: "date", Value: first(c.Value("from"), month.AddDate(0, -1, 0).Format(time.DateOnly)), Required: true},
			{Name: "to", Label: c.Say("filter.to"), Type: "date", Value: first(c.Value("to"), month.AddDate(0, 0, -1).Format(time.DateOnly)), Required: true},
			format,
		},
	}
	for i := range form.Fields {
		form.Fields[i].Error = wrong[form.Fields[i].Name]
	}
	return form
}

func (c *customer) shownFile(account string, file *statementv1.File) shownFile {
	name := "pdf"
	for _, one := range formats {
		if one.format == file.GetFormat() {
			name = one.name
		}
	}
	last := file.GetEndTime().AsTime().Add(-time.Millisecond)
	shown := shownFile{
		Title:  c.Say("files.range", c.Day(file.GetStartTime().AsTime()), c.Day(last)),
		Detail: join(c.Say("files."+name), c.Say("files.made", c.Moment(file.GetCreateTime().AsTime()))),
	}
	switch file.GetState() {
	case statementv1.FileState_FILE_STATE_READY:
		shown.Link = "/accounts/" + account + "/files/" + idOf(file.GetName())
	case statementv1.FileState_FILE_STATE_FAILED:
		shown.Chip = &design.Chip{Tone: "bad", Word: c.Say("files.failed"), Reason: file.GetFailure()}
	case statementv1.FileState_FILE_STATE_EXPIRED:
		shown.Chip = &design.Chip{Tone: "plain", Word: c.Say("files.expired")}
	default:
		shown.Chip = &design.Chip{Tone: "info", Word: c.Say("files.running", strconv.Itoa(int(file.GetProgressPercent())))}
	}
	return shown
}

// makeFile has a file made. It ends with the present if the range goes on.
func (b *Banking) makeFile(c *customer) error {
	request, err := c.RequestID(c.user)
	if err != nil {
		return err
	}
	from, to := c.Date("from"), c.Date("to")
	wrong := map[string]string{}
	if from.IsZero() {
		wrong["from"] = c.Say("files.day")
	}
	if to.IsZero() || to.Before(from) {
		wrong["to"] = c.Say("files.day-to")
	}
	format := formats[0].format
	for _, one := range formats {
		if one.name == c.Value("format") {
			format = one.format
		}
	}
	if len(wrong) > 0 {
		return b.askFile(c, wrong)
	}
	end := to.AddDate(0, 0, 1)
	if now := c.Now().Truncate(time.Millisecond); end.After(now) {
		end = now
	}
	_, err = b.files.CreateFile(c.Context(), &statementv1.CreateFileRequest{
		RequestId: request, Parent: "accounts/" + c.Path("account"), StartTime: timestamppb.New(from), EndTime: timestamppb.New(end),
		Format: format, LanguageCode: string(c.Language()),
	})
	// A second press of the same form may name a later present. The file of the first one is there.
	if err != nil && fault.CodeOf(err) != fault.Aborted {
		if wrong := wrongIn(c.Visit, err, map[string]string{"start_time": "from", "end_time": "to", "": "to"}); wrong != nil {
			return b.askFile(c, wrong)
		}
		return err
	}
	return c.Redirect("/accounts/" + c.Path("account") + "/files")
}

// sendFile sends the content of a file.
func (b *Banking) sendFile(c *customer) error {
	name := "accounts/" + c.Path("account") + "/files/" + c.Path("file")
	found, err := b.files.GetFile(c.Context(), &statementv1.GetFileRequest{Name: name})
	if err != nil {
		return err
	}
	stream, err := b.files.DownloadFile(c.Context(), &statementv1.DownloadFileRequest{Name: name})
	if err != nil {
		return err
	}
	part, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return err // Nothing was sent yet, so it becomes a page.
	}
	w, kept := c.Writer()
	if kept != nil {
		return kept
	}
	w.Header().Set("Content-Type", found.GetFile().GetContentType())
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": found.GetFile().GetFileName()}))
	for ; err == nil; part, err = stream.Recv() {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(piece))
		if _, err := w.Write(part.GetContent()); err != nil {
			return site.ErrCut
		}
	}
	if !errors.Is(err, io.EOF) {
		return site.ErrCut
	}
	return nil
}
