package launch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pixKeys is what the files of keys are called with which a bank and the hub sign what they send to each other.
const pixKeys = "pix-keys"

// PixKeysFile is the file with these keys of a bank. Bank and hub share it, because each verifies the other.
func (s *Stack) PixKeysFile(bank Institution) string { return s.verifierKeyFile(bank.file(pixKeys)) }

// hubBanksFile tells the hub which banks there are.
func (s *Stack) hubBanksFile() string { return filepath.Join(s.dir, "secrets", "banks.json") }

// makeHubKeys makes the keys of the hub and the banks, and the hub's list of banks. Existing keys are kept. A stack
// without the hub has none.
func (s *Stack) makeHubKeys(ctx context.Context, log io.Writer) error {
	if !hasSources(s.Root(), "codepix") {
		return nil
	}
	type hubBank struct {
		Code    string `json:"code"`
		Name    string `json:"name"`
		KeyFile string `json:"key_file"`
	}
	var list struct {
		Banks []hubBank `json:"banks"`
	}
	for _, bank := range Banks() {
		file := s.PixKeysFile(bank)
		keys, err := readKeys(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, producer := range []string{"bank-" + bank.Code, CodePix} {
			if err == nil && keys.Signer(producer) != nil {
				continue
			}
			if err := runProgram(ctx, s.program("bankctl", "command-keys", "add", producer, "--file", file), log); err != nil {
				return err
			}
		}
		list.Banks = append(list.Banks, hubBank{bank.Code, bank.Name, filepath.Base(file)})
	}
	content, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(s.hubBanksFile(), content, 0o600)
}
