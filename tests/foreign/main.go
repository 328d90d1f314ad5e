// Verifies a whole book with the transparency-log packages of the Go project, which share no code with Tandem: the checkpoint's
// signature (sumdb/note), every tile (sumdb/tlog), every entry of every bundle, and the root.
//
//	foreign -vkey VKEY BOOK
//
// BOOK is the directory or URL below which are checkpoint, tile/… and tile/entries/…. Exit status: 0 true, 1 not.
package main

import (
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

// Height, ReadTiles and SaveTiles make it a tlog.TileReader.
func (b *book) Height() int { return height }

func (b *book) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := b.read(path(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (b *book) SaveTiles([]tlog.Tile, [][]byte) {}

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
	hashes := tlog.TileHashReader(tree, b)
	// tlog proves each tile that it reads against the tree before it gives a hash of it. Every node of every tile is asked for.
	for level := 0; tree.N>>(height*level) > 0; level++ {
		count := tree.N >> (height * level)
		for index := int64(0); index < (count+width-1)/width; index++ {
			wide := count - index*width
			if wide > width {
				wide = width
			}
			if err := b.tile(hashes, level, index, wide); err != nil {
				return tree, err
			}
		}
	}
	return tree, nil
}

// Checks one tile, byte by byte against the proved hashes, and, at level 0, the entries under it.
func (b *book) tile(hashes tlog.HashReader, level int, index, count int64) error {
	tile := tlog.Tile{H: height, L: level, N: index, W: int(count)}
	ids := make([]int64, count)
	for at := range ids {
		ids[at] = tlog.StoredHashIndex(level*height, index*width+int64(at))
	}
	proved, err := hashes.ReadHashes(ids)
	if err != nil {
		return fmt.Errorf("%s: %w", path(tile), err)
	}
	data, err := b.read(path(tile))
	if err != nil {
		return err
	}
	if len(data) != len(proved)*tlog.HashSize {
		return fmt.Errorf("%s: has %d bytes", path(tile), len(data))
	}
	for at, hash := range proved {
		if string(data[at*tlog.HashSize:(at+1)*tlog.HashSize]) != string(hash[:]) {
			return fmt.Errorf("%s: hash %d is not the proved one", path(tile), at)
		}
	}
	if level > 0 {
		return nil
	}
	bundle := tlog.Tile{H: height, L: -1, N: index, W: int(count)}
	if err := b.bundle(bundle, proved); err != nil {
		return fmt.Errorf("%s: %w", path(bundle), err)
	}
	return nil
}

func (b *book) bundle(tile tlog.Tile, leaves []tlog.Hash) error {
	data, err := b.read(path(tile))
	if err != nil {
		return err
	}
	for at, leaf := range leaves {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return fmt.Errorf("ends within entry %d", at)
		}
		entry := data[2 : 2+int(binary.BigEndian.Uint16(data))]
		data = data[2+len(entry):]
		if len(entry) != entryBytes {
			return fmt.Errorf("entry %d has %d bytes", at, len(entry))
		}
		if tlog.RecordHash(entry) != leaf {
			return fmt.Errorf("entry %d is not its leaf", at)
		}
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
