package rest

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
)

var errNoFile = fault.New(fault.NotFound, "FILE_NOT_FOUND", "There is no such file.")

// file is a file of a statement, and where its content is.
type file struct {
	ID       string `json:"id"`
	Account  string `json:"accountId"`
	Format   string `json:"format"`
	State    string `json:"state"`
	Progress int32  `json:"progressPercent"`
	Lines    int64  `json:"lineCount"`
	Failure  string `json:"failure,omitempty"`
	// Location answers this again, and Content the file itself, once it is ready.
	Location string `json:"location"`
	Content  string `json:"content"`
	// ExpireTime is when the content is deleted; zero before it is ready.
	ExpireTime time.Time `json:"expireTime,omitzero"`
}

// pathOf returns the path of GET /statement/files/{account}/{file} for a file.
func pathOf(of *statementv1.File) string {
	parts := strings.Split(of.GetName(), "/") // accounts/{uuid}/files/{uuid}
	return "/statement/files/" + parts[1] + "/" + parts[len(parts)-1]
}

func fileOf(of *statementv1.File) file {
	shown := file{
		ID: idOf(of.GetName()), Account: strings.Split(of.GetName(), "/")[1], State: wordOf(of.GetState().String(), "FILE_STATE_"),
		Progress: of.GetProgressPercent(), Lines: of.GetLineCount(), Failure: of.GetFailure(), Location: pathOf(of), Content: pathOf(of) + "/content",
	}
	if of.GetExpireTime() != nil {
		shown.ExpireTime = timeOf(of.GetExpireTime())
	}
	for name, format := range formats {
		if format == of.GetFormat() {
			shown.Format = name
		}
	}
	return shown
}

// fileName returns the name of the file that a path names. What is no name is not there.
func fileName(r *http.Request) (string, error) {
	account, err := id.Parse(r.PathValue("account"))
	file, fileErr := id.Parse(r.PathValue("file"))
	if err != nil || fileErr != nil {
		return "", errNoFile
	}
	return "accounts/" + account.String() + "/files/" + file.String(), nil
}

// file answers how far a file is.
func (s *Server) file(w http.ResponseWriter, r *http.Request) error {
	name, err := fileName(r)
	if err != nil {
		return err
	}
	found, err := s.files.GetFile(r.Context(), &statementv1.GetFileRequest{Name: name})
	if err != nil {
		return err
	}
	return serve.WriteJSON(w, http.StatusOK, fileOf(found.GetFile()))
}

// content answers the content of a file.
func (s *Server) content(w http.ResponseWriter, r *http.Request) error {
	name, err := fileName(r)
	if err != nil {
		return err
	}
	found, err := s.files.GetFile(r.Context(), &statementv1.GetFileRequest{Name: name})
	if err != nil {
		return err
	}
	return send(r.Context(), s.files, w, found.GetFile())
}

// downloadPath is the path of a file's content in the REST of the contract.
const downloadPath = "/v1/{name=accounts/*/files/*}:download"

// RegisterDownload serves the content of files as the REST of the program statement does: the file itself, and
// not JSON. Its requests are calls of GetFile and DownloadFile, so they pass the edge. It is a
// serve.GatewayRegistrar.
func RegisterDownload(_ context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
	files := statementv1.NewFileServiceClient(conn)
	return mux.HandlePath(http.MethodGet, downloadPath, func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		ctx, err := runtime.AnnotateContext(r.Context(), mux, r, statementv1.FileService_DownloadFile_FullMethodName, runtime.WithHTTPPathPattern(downloadPath))
		var found *statementv1.GetFileResponse
		if err == nil {
			found, err = files.GetFile(ctx, &statementv1.GetFileRequest{Name: parameters["name"]})
		}
		if err == nil {
			err = send(ctx, files, w, found.GetFile())
		}
		if err != nil {
			if w.Header().Get("Content-Length") != "" {
				mustAbort()
			}
			serve.WriteProblem(w, r, serve.FromStatus(err))
		}
	})
}

// mustAbort cuts the connection, so that nobody takes the beginning of a file for the whole.
func mustAbort() { panic(http.ErrAbortHandler) }

// send streams the content of a file. If it returns an error and has set the length, it has begun.
func send(ctx context.Context, files statementv1.FileServiceClient, w http.ResponseWriter, of *statementv1.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pieces, err := files.DownloadFile(ctx, &statementv1.DownloadFileRequest{Name: of.GetName()})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		piece, err := pieces.Recv()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if first {
			header := w.Header()
			header.Set("Content-Type", of.GetContentType())
			header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": of.GetFileName()}))
			header.Set("Content-Length", strconv.FormatInt(of.GetSize(), 10))
			w.WriteHeader(http.StatusOK)
		}
		if ended {
			return nil
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pieceTimeout))
		if _, err := w.Write(piece.GetContent()); err != nil {
			return err
		}
	}
}

// pieceTimeout bounds how long a client may take to read a piece of a file.
const pieceTimeout = time.Minute
