// Verifies that a checkpoint is signed by its log and cosigned by a witness, with the packages of the Go project (sumdb/note) and of
// transparency-dev (formats/note), which share no code with Tandem.
//
//	cosigned -vkey VKEY -witness VKEY CHECKPOINT
//
// CHECKPOINT is a file or URL. Exit status: 0 true, 1 not.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	vkey := flag.String("vkey", "", "verifier key of the book")
	witness := flag.String("witness", "", "verifier key of the witness")
	flag.Parse()
	if flag.NArg() != 1 || *vkey == "" || *witness == "" {
		fmt.Fprintln(os.Stderr, "usage: cosigned -vkey VKEY -witness VKEY CHECKPOINT")
		os.Exit(2)
	}
	if err := verify(*vkey, *witness, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "cosigned: refused:", err)
		os.Exit(1)
	}
}

func verify(vkey, witness, place string) error {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	cosigner, err := cosignature.NewVerifierForCosignatureV1(witness)
	if err != nil {
		return err
	}
	message, err := read(place)
	if err != nil {
		return err
	}
	opened, err := note.Open(message, note.VerifierList(log, cosigner))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != 2 {
		return fmt.Errorf("it has signatures of %d of the two", len(opened.Sigs))
	}
	for _, signature := range opened.Sigs {
		if signature.Name != cosigner.Name() {
			continue
		}
		at, err := cosignature.CoSigV1Timestamp(signature)
		if err != nil {
			return err
		}
		fmt.Printf("accepted: cosigned by %s at %s\n", signature.Name, at.UTC().Format(time.RFC3339))
	}
	return nil
}

func read(place string) ([]byte, error) {
	if !strings.HasPrefix(place, "http://") {
		return os.ReadFile(place)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	response, err := client.Get(place)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", place, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}
