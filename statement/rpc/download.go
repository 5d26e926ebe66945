package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
)

// downloadPath is the path of a file's content over REST.
const downloadPath = "/v1/{name=accounts/*/files/*}:download"

// pieceTimeout is how long a client may take for one piece of a file.
const pieceTimeout = 2 * time.Minute

// RegisterDownload serves the content of files over REST, as files: with their media type, their name and their
// size, and not as JSON. Its requests are calls of GetFile and DownloadFile, so they pass the same edge. It is a
// serve.GatewayRegistrar.
func RegisterDownload(_ context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
	client := statementv1.NewFileServiceClient(conn)
	return mux.HandlePath(http.MethodGet, downloadPath, func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		ctx, err := runtime.AnnotateContext(ctx, mux, r, statementv1.FileService_DownloadFile_FullMethodName, runtime.WithHTTPPathPattern(downloadPath))
		if err == nil {
			err = download(ctx, client, w, r, parameters["name"])
		}
		if err != nil {
			serve.WriteProblem(w, r, serve.FromStatus(err))
		}
	})
}

// download answers with a file. It returns why it cannot begin to.
//
// tidy:parameters what a handler has, and the call's context
func download(ctx context.Context, client statementv1.FileServiceClient, w http.ResponseWriter, r *http.Request, name string) error {
	found, err := client.GetFile(ctx, &statementv1.GetFileRequest{Name: name})
	if err != nil {
		return err
	}
	file := found.GetFile()
	stream, err := client.DownloadFile(ctx, &statementv1.DownloadFileRequest{Name: name})
	if err != nil {
		return err
	}
	piece, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	// The content of a file never changes.
	tag := `"` + name[strings.LastIndexByte(name, '/')+1:] + `"`
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Content-Disposition", `attachment; filename="`+file.GetFileName()+`"`)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Type", file.GetContentType())
	header.Set("Content-Length", strconv.FormatInt(file.GetSize(), 10))
	controller := http.NewResponseController(w)
	for ; err == nil; piece, err = stream.Recv() {
		_ = controller.SetWriteDeadline(time.Now().Add(pieceTimeout))
		if _, err := w.Write(piece.GetContent()); err != nil {
			return nil // The client has gone.
		}
	}
	if !errors.Is(err, io.EOF) {
		mustAbort()
	}
	return nil
}

// mustAbort cuts the connection, so that nobody takes the beginning of a file for the whole.
func mustAbort() { panic(http.ErrAbortHandler) }
