// Reads an unpacked export with Go's own packages for signed notes and tile-based logs; nothing here is Naesil's.
//
//	reader FOLDER        exits 1 and says what is not as it was signed
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder is the export; the tiles lie in it as C2SP tlog-tiles says: Go's names without the height.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(string(f), name))
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		fmt.Println("BAD:", err)
		os.Exit(1)
	}
}

func hash(text string) tlog.Hash {
	found, err := tlog.ParseHash(text)
	check(err)
	return found
}

// checkpoint opens a signed note and reads origin, size and root from its text.
func checkpoint(text []byte, keys note.Verifiers) tlog.Tree {
	opened, err := note.Open(text, keys)
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

// proof parts a C2SP proof: lines before the hashes, the hashes, the tree of the note below them.
func proof(text []byte, head int, keys note.Verifiers) ([]string, []tlog.Hash, tlog.Tree) {
	before, below, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(before), "\n")
	var path []tlog.Hash
	for _, line := range lines[head:] {
		path = append(path, hash(line))
	}
	return lines[:head], path, checkpoint(below, keys)
}

func main() {
	export := folder(os.Args[1])
	key, err := note.NewVerifier(strings.Fields(string(export.read("log.vkey")))[0])
	check(err)
	keys := note.VerifierList(key)
	tree := checkpoint(export.read("checkpoint"), keys)
	reader := tlog.TileHashReader(tree, export)
	entries := bytes.Split(bytes.TrimSuffix(export.read("entries.jsonl"), []byte("\n")), []byte("\n"))
	if int64(len(entries)) != tree.N {
		check(fmt.Errorf("%d entries under a tree of %d", len(entries), tree.N))
	}
	for at, entry := range entries {
		path, err := tlog.ProveRecord(tree.N, int64(at), reader)
		check(err)
		check(tlog.CheckRecord(path, tree.N, tree.Hash, int64(at), tlog.RecordHash(entry)))
	}
	head, path, grown := proof(export.read("manifest.tlog-proof"), 3, keys)
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(head[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(head[2], "index "), 10, 64)
	check(err)
	check(tlog.CheckRecord(path, grown.N, grown.Hash, index, tlog.RecordHash(leaf)))
	_, steps, newer := proof(export.read("manifest.consistency"), 1, keys)
	check(tlog.CheckTree(steps, newer.N, newer.Hash, tree.N, tree.Hash))
	fmt.Println("OK:", tree.N, tree.Hash)
}
