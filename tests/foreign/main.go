// Verifies a whole book with the transparency-log packages of the Go project, which share no code with Tandem: the checkpoint's
// signature (sumdb/note), and the tree (sumdb/tlog), which is computed anew from the entries of the bundles: its root has to be the
// checkpoint's, and every tile what this tree has there.
//
// tlog.TileHashReader would read less, but the one of x/mod v0.20.0 does not prove every tile that it reads.
//
//	foreign -vkey VKEY BOOK
//
// BOOK is the directory or URL below which are checkpoint, tile/… and tile/entries/…. Exit status: 0 true, 1 not.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Hashes in a full tile: 2^height.
const (
	height = 8
	width  = 1 << height
)

// Length of an entry: Tandem's commitment.
const entryBytes = 74

func main() {
	vkey := flag.String("vkey", "", "verifier key of the book, name+id+key")
	flag.Parse()
	if flag.NArg() != 1 || *vkey == "" {
		fmt.Fprintln(os.Stderr, "usage: foreign -vkey VKEY BOOK")
		os.Exit(2)
	}
	book := &book{place: strings.TrimSuffix(flag.Arg(0), "/"), client: &http.Client{Timeout: 30 * time.Second}}
	tree, err := book.verify(*vkey)
	if err != nil {
		fmt.Fprintln(os.Stderr, "foreign: refused:", err)
		os.Exit(1)
	}
	fmt.Printf("accepted: %d entries, root %s\n", tree.N, tree.Hash)
}

// A book in a directory or on a server.
type book struct {
	place  string
	client *http.Client
}

func (b *book) read(path string) ([]byte, error) {
	if !strings.HasPrefix(b.place, "http://") && !strings.HasPrefix(b.place, "https://") {
		return os.ReadFile(filepath.Join(b.place, filepath.FromSlash(path)))
	}
	response, err := b.client.Get(b.place + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}

// The path of c2sp.org/tlog-tiles: that of sumdb/tlog without the height, and "entries" for the data.
func path(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tile.H))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

func (b *book) verify(vkey string) (tlog.Tree, error) {
	tree, err := b.checkpoint(vkey)
	if err != nil {
		return tree, fmt.Errorf("checkpoint: %w", err)
	}
	if tree.N == 0 {
		return tree, nil
	}
	hashes := stored{}
	for index := int64(0); index*width < tree.N; index++ {
		bundle := tlog.Tile{H: height, L: -1, N: index, W: wide(tree.N, index)}
		if err := b.bundle(bundle, &hashes); err != nil {
			return tree, fmt.Errorf("%s: %w", path(bundle), err)
		}
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return tree, err
	}
	if root != tree.Hash {
		return tree, fmt.Errorf("the entries have the root %s, but the checkpoint says %s", root, tree.Hash)
	}
	for level := 0; tree.N>>(height*level) > 0; level++ {
		count := tree.N >> (height * level)
		for index := int64(0); index*width < count; index++ {
			tile := tlog.Tile{H: height, L: level, N: index, W: wide(count, index)}
			if err := b.tile(tile, hashes); err != nil {
				return tree, fmt.Errorf("%s: %w", path(tile), err)
			}
		}
	}
	return tree, nil
}

// How many of so many hashes or entries are in the tile at this place.
func wide(count, index int64) int {
	if rest := count - index*width; rest < width {
		return int(rest)
	}
	return width
}

// All hashes of a tree, in the order in which tlog stores them. It is a tlog.HashReader.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d is beyond the tree", index)
		}
		hashes[at] = s[index]
	}
	return hashes, nil
}

// Checks that a tile is what the tree has there.
func (b *book) tile(tile tlog.Tile, hashes stored) error {
	expected, err := tlog.ReadTileData(tile, hashes)
	if err != nil {
		return err
	}
	data, err := b.read(path(tile))
	if err != nil {
		return err
	}
	if !bytes.Equal(data, expected) {
		return errors.New("is not what the tree of the entries has there")
	}
	return nil
}

// Adds the entries of a bundle to the tree.
func (b *book) bundle(tile tlog.Tile, hashes *stored) error {
	data, err := b.read(path(tile))
	if err != nil {
		return err
	}
	for at := 0; at < tile.W; at++ {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("ends within entry %d", at)
		}
		entry := data[2 : 2+int(binary.BigEndian.Uint16(data))]
		data = data[2+len(entry):]
		if len(entry) != entryBytes {
			return fmt.Errorf("entry %d has %d bytes", at, len(entry))
		}
		added, err := tlog.StoredHashes(tile.N*width+int64(at), entry, *hashes)
		if err != nil {
			return err
		}
		*hashes = append(*hashes, added...)
	}
	if len(data) != 0 {
		return fmt.Errorf("has %d bytes after its entries", len(data))
	}
	return nil
}

func (b *book) checkpoint(vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	message, err := b.read("checkpoint")
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return tree, errors.New("has not three lines")
	}
	if lines[0] != verifier.Name() {
		return tree, fmt.Errorf("is of %q", lines[0])
	}
	if _, err := fmt.Sscanf(lines[1], "%d", &tree.N); err != nil || fmt.Sprint(tree.N) != lines[1] {
		return tree, fmt.Errorf("has the size %q", lines[1])
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}
