// Tests of what turns the bytes of a file into text: packing, encodings, and how it is written.

#include "ingest/byte_source.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>

#include "client/error.h"
#include "ingest/dialect.h"
#include "ingest/sniff.h"
#include "ingest/text_encoding.h"

namespace millrace::cli {
namespace {

using namespace std::string_literals;

// A source that returns `text` in pieces of at most `piece` bytes.
ByteSource InPieces(const std::string& text, std::size_t piece) {
  return [text, piece, at = std::size_t{0}](char* buffer, std::size_t size) mutable {
    const std::size_t got = std::min({piece, size, text.size() - at});
    text.copy(buffer, got, at);
    at += got;
    return got;
  };
}

// All of a source, read `size` bytes at a time.
std::string All(const ByteSource& source, std::size_t size = 1'000) {
  std::string all, buffer(size, '\0');
  while (const std::size_t got = source(buffer.data(), size)) all.append(buffer, 0, got);
  return all;
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i * 7919 % 10'007) + ",text\n";
  return text;
}

TEST(Unpack, WhatWasPackedInPiecesOfAnySize) {
  const std::string text = Lines(50'000);
  for (const std::string& packed : {Gzip(text), Zstd(text), text}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1'000}, packed.size()}) {
      EXPECT_EQ(All(Unpack(InPieces(packed, piece), "x"), 100'000), text);
    }
    EXPECT_EQ(All(Unpack(InPieces(packed, 1'000), "x"), 3), text);
  }
}

TEST(Unpack, SeveralThatFollowOneAnother) {
  EXPECT_EQ(All(Unpack(InPieces(Gzip("a\n") + Gzip("") + Gzip("b\n"), 1), "x")), "a\nb\n");
  EXPECT_EQ(All(Unpack(InPieces(Zstd("a\n") + Zstd("") + Zstd("b\n"), 1), "x")), "a\nb\n");
  EXPECT_EQ(All(Unpack(InPieces(Gzip("a\n") + "\0\0\0"s, 7), "x")), "a\n");
  EXPECT_EQ(All(Unpack(InPieces("\x50\x2a\x4d\x18\x01\0\0\0x"s + Zstd("a\n"), 5), "x")), "a\n");
}

TEST(Unpack, ATextOfAFewBytesOrNone) {
  for (const std::string text : {"", "a", "ab", "\x1f", "\x28\xb5"}) {
    EXPECT_EQ(All(Unpack(InPieces(text, 1), "x")), text);
  }
  EXPECT_EQ(All(Unpack(InPieces(Gzip(""), 1), "x")), "");
  EXPECT_EQ(All(Unpack(InPieces(Zstd(""), 1), "x")), "");
}

// What is cut short anywhere, or has a bit changed, is an error: never a text without its end.
TEST(Unpack, CutShortOrDamagedIsAnError) {
  const std::string text = Lines(2'000);
  for (const std::string& packed : {Gzip(text), Zstd(text)}) {
    const std::size_t step = std::max<std::size_t>(1, packed.size() / 200);
    for (std::size_t size = 4; size < packed.size(); size += step) {
      EXPECT_THROW(All(Unpack(InPieces(packed.substr(0, size), 999), "x")), CliError) << size;
    }
    EXPECT_THROW(All(Unpack(InPieces(packed.substr(0, packed.size() - 1), 999), "x")), CliError);
    EXPECT_THROW(All(Unpack(InPieces(packed + "more", 999), "x")), CliError);
  }
  std::string damaged = Gzip(text);
  damaged[damaged.size() / 2] ^= 0x10;
  EXPECT_THROW(All(Unpack(InPieces(damaged, 999), "x")), CliError);
}

TEST(Unpack, OtherFormatsAreNamedWithACommand) {
  for (const auto& [beginning, way_out] :
       {std::pair("PK\x03\x04", "unzip -p 'my file' | millrace load -"),
        std::pair("\xfd\x37zXZ", "xz -dc 'my file' | millrace load -"),
        std::pair("BZh9", "bzip2 -dc"), std::pair("PAR1", "CSV or JSON lines")}) {
    try {
      All(Unpack(InPieces(beginning, 2), "my file"));
      ADD_FAILURE() << beginning;
    } catch (const CliError& e) {
      EXPECT_NE(e.way_out().find(way_out), std::string::npos) << e.way_out();
    }
  }
}

TEST(ToUtf8, NamesOfPostgreSqlAndOthers) {
  for (const char* name : {"latin1", "LATIN1", "iso-8859-1", "ISO_8859_1"}) {
    EXPECT_EQ(ToUtf8("caf\xe9", name), "caf\xc3\xa9") << name;
  }
  EXPECT_EQ(ToUtf8("\x80", "WIN1252"), "\xe2\x82\xac");
  EXPECT_EQ(ToUtf8("\x80", "windows-1252"), "\xe2\x82\xac");
  EXPECT_EQ(ToUtf8("\xa4", "latin9"), "\xe2\x82\xac");
  EXPECT_EQ(ToUtf8("\xcf\xf0", "win1251"), "\xd0\x9f\xd1\x80");
  EXPECT_EQ(ToUtf8("\xf0", "koi8r"), "\xd0\x9f");
  EXPECT_EQ(ToUtf8("\x93\xfa", "SJIS"), "\xe6\x97\xa5");
  EXPECT_EQ(ToUtf8("\xc6\xfc", "EUC_JP"), "\xe6\x97\xa5");
  EXPECT_EQ(ToUtf8("a\0b\0"s, "utf16le"), "ab");
  EXPECT_EQ(IconvName("utf8"), "UTF-8");
  EXPECT_EQ(IconvName("UTF-8"), "UTF-8");
  for (const char* bad : {"", "nonsense", "latin1//TRANSLIT", "latin99"}) {
    EXPECT_THROW(IconvName(bad), CliError) << bad;
  }
}

TEST(ToUtf8, InPiecesOfAnySize) {
  std::string wide, text;
  for (int i = 0; i < 300'000; ++i) {
    wide += "\xac\x20"s;  // a euro sign
    text += "\xe2\x82\xac";
  }
  for (const std::size_t piece : {1, 3, 100'000}) {
    EXPECT_EQ(All(ToUtf8(InPieces(wide, piece), "utf-16le"), 7'777), text);
  }
  EXPECT_EQ(All(ToUtf8(InPieces("ab", 1), "latin1"), 1), "ab");
}

TEST(ToUtf8, WhatIsNoCharacterIsABadByteAndTheRestGoesOn) {
  EXPECT_EQ(All(ToUtf8(InPieces("a\x81"
                                "b",
                                1),
                       "win1252")),
            "a\xff"
            "b");
  EXPECT_EQ(All(ToUtf8(InPieces("a\0b"s, 1), "utf-16le")), "a\xff");
  EXPECT_EQ(All(ToUtf8(InPieces("\0\xd8"
                                "a\0"s,
                                1),
                       "utf-16le")),
            "\xff"
            "a");
}

TEST(EncodingOfMark, OfEachKind) {
  EXPECT_EQ(EncodingOfMark("\xff\xfe"
                           "a\0"s),
            "UTF-16LE");
  EXPECT_EQ(EncodingOfMark("\xfe\xff\0a"s), "UTF-16BE");
  EXPECT_EQ(EncodingOfMark("\xff\xfe\0\0"s), "UTF-32LE");
  EXPECT_EQ(EncodingOfMark("\0\0\xfe\xff"s), "UTF-32BE");
  EXPECT_EQ(EncodingOfMark("\xef\xbb\xbf"
                           "a"),
            "");
  EXPECT_EQ(EncodingOfMark(""), "");
}

TEST(IsUtf8, RefusesWhatIsNot) {
  for (const std::string good :
       {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "a\xe2\x82"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const std::string bad :
       {"\xe9 ", "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(SniffEncoding, ByBytes) {
  EXPECT_EQ(SniffEncoding("a,b\n1,2\n"), "");
  EXPECT_EQ(SniffEncoding("caf\xc3\xa9\n"), "");
  EXPECT_EQ(SniffEncoding("caf\xe9\n"), "latin1");
  EXPECT_EQ(SniffEncoding("\x80 5, caf\xe9\n"), "win1252");
  EXPECT_EQ(SniffEncoding("a\0,\0b\0\n\0"s), "utf-16le");
  EXPECT_EQ(SniffEncoding("\0a\0,\0b\0\n"s), "utf-16be");
  EXPECT_EQ(SniffEncoding("\xff\xfe"
                          "a\0"s),
            "");
}

TEST(SniffText, DelimiterAndQuote) {
  const auto sniffed = [](const std::string& text) {
    const SniffedText found = SniffText(text);
    return std::tuple(found.dialect.delimiter, found.dialect.quote, found.fields);
  };
  EXPECT_EQ(sniffed("a,b,c\n1,2,3\n"), std::tuple(',', '"', 3u));
  EXPECT_EQ(sniffed("a;b\n1,5;2,5\n3,1;4,1\n"), std::tuple(';', '"', 2u));
  EXPECT_EQ(sniffed("a\tb\n\"x,\ty\"\tz\nu, v\tw\n"), std::tuple('\t', '"', 2u));
  EXPECT_EQ(sniffed("a|b\n1|2\n"), std::tuple('|', '"', 2u));
  EXPECT_EQ(sniffed("a,b\n'x,y',1\n'z',2\nz,3\n'a,b,c',4\n"), std::tuple(',', '\'', 2u));
  EXPECT_EQ(sniffed("a,b\nit's,1\ndon't,2\n"), std::tuple(',', '"', 2u));
  EXPECT_EQ(sniffed("a\tb\n5\" disk\t1\n6 m\t2\n7 m\t2\n8 m\t2\n"), std::tuple('\t', '\0', 2u));
  EXPECT_EQ(sniffed("name\nx\ny\n"), std::tuple(',', '"', 1u));
  EXPECT_EQ(sniffed("a;b;c\n1;2;3\n4;"), std::tuple(';', '"', 3u));
  EXPECT_EQ(sniffed("2026-01-01 10:00:00;7;x"), std::tuple(';', '"', 3u));
  EXPECT_EQ(sniffed(""), std::tuple(',', '"', 1u));
  EXPECT_TRUE(SniffText(" \n{\"a\": 1}\n").json);
  EXPECT_FALSE(SniffText("a,b\n").json);
}

TEST(Dialect, WhatUsersType) {
  EXPECT_EQ(ParseDelimiter("\\t"), '\t');
  EXPECT_EQ(ParseDelimiter("tab"), '\t');
  EXPECT_EQ(ParseDelimiter("|"), '|');
  for (const char* bad : {"", ";;", "\xc3\xa9", "\n"}) EXPECT_THROW(ParseDelimiter(bad), CliError);
  EXPECT_EQ(ParseQuote("none"), '\0');
  EXPECT_EQ(ParseQuote("'"), '\'');
  EXPECT_THROW(ParseQuote("\"\""), CliError);
  EXPECT_NO_THROW(CheckDialect({}));
  EXPECT_NO_THROW(CheckDialect({';', '\0', "NULL", ""}));
  EXPECT_THROW(CheckDialect({'"', '"', "", ""}), CliError);
  EXPECT_THROW(CheckDialect({',', '"', "a,b", ""}), CliError);
  EXPECT_THROW(CheckDialect({',', '"', "\"", ""}), CliError);
}

}  // namespace
}  // namespace millrace::cli
