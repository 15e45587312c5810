#include "client/secret.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "client/conninfo.h"
#include "client/error.h"

namespace millrace {
namespace {

class SecretFile : public testing::Test {
 protected:
  std::string Write(const std::string& text, mode_t mode = 0600) {
    const std::string path = testing::TempDir() + "secret-" + std::to_string(getpid());
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string Error(const SecretSource& source) {
    try {
      return "no error: " + ReadSecret(source, "password");
    } catch (const CliError& e) {
      return std::string(e.what()) + "\n" + e.way_out();
    }
  }
  static testing::AssertionResult Has(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "\"" << part << "\" is not in: " << text;
  }
};

TEST_F(SecretFile, FirstLine) {
  EXPECT_EQ(ReadSecret({Write("one\ntwo\n"), ""}, "password"), "one");
  EXPECT_EQ(ReadSecret({Write("no end"), ""}, "password"), "no end");
  EXPECT_EQ(ReadSecret({Write("of Windows\r\n"), ""}, "password"), "of Windows");
  EXPECT_EQ(ReadSecret({Write(" spaces count \n"), ""}, "password"), " spaces count ");
  const std::string longest(kMaxSecretBytes, 'x');
  EXPECT_EQ(ReadSecret({Write(longest + "\nmore"), ""}, "password"), longest);
}

TEST_F(SecretFile, WhatIsNoSecret) {
  EXPECT_TRUE(Has(Error({Write(""), ""}), "is empty"));
  EXPECT_TRUE(Has(Error({Write("\nsecond\n"), ""}), "is empty"));
  EXPECT_TRUE(Has(Error({Write(std::string("a\0b", 3)), ""}), "zero byte"));
  EXPECT_TRUE(Has(Error({Write(std::string(kMaxSecretBytes + 1, 'x')), ""}), "longer than 65536"));
  EXPECT_TRUE(Has(Error({"/nonexistent/file", ""}), "cannot read /nonexistent/file"));
  EXPECT_TRUE(Has(Error({"/tmp", ""}), "is a folder"));
  EXPECT_TRUE(Has(Error({"/dev/zero", ""}), "zero byte"));
}

TEST_F(SecretFile, OpenToOthers) {
  for (const mode_t mode : {0604, 0602, 0644, 0666, 0777, 0620}) {
    EXPECT_TRUE(Has(Error({Write("x", mode), ""}), "open to other users")) << std::oct << mode;
  }
  EXPECT_EQ(ReadSecret({Write("x", 0400), ""}, "password"), "x");
  // As systemd has credentials: root's, and the group's bits are those of an access list.
  const std::string path = Write("x", 0440);
  if (geteuid() == 0) {
    EXPECT_EQ(ReadSecret({path, ""}, "password"), "x");
    ASSERT_EQ(chown(path.c_str(), 1, 1), 0);
  }
  EXPECT_TRUE(Has(Error({path, ""}), "open to other users (mode 0440)"));
}

TEST_F(SecretFile, Pipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "of a pipe\n", 10), 10);
  EXPECT_EQ(ReadSecret({"/dev/fd/" + std::to_string(ends[0]), ""}, "password"), "of a pipe");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(SecretFile, Command) {
  EXPECT_EQ(ReadSecret({"", "echo one; echo two"}, "password"), "one");
  EXPECT_EQ(ReadSecret({"", "printf 'a b' | tr a c"}, "password"), "c b");
  // It has no input of ours.
  EXPECT_EQ(ReadSecret({"", "cat; echo end"}, "password"), "end");
}

TEST_F(SecretFile, CommandThatFails) {
  const std::string error = Error({"", "echo hunter2; exit 3"});
  EXPECT_TRUE(Has(error, "fails with exit status 3"));
  EXPECT_FALSE(Has(error, "hunter2"));
  EXPECT_TRUE(Has(Error({"", "echo hunter2; kill -9 $$"}), "was ended by signal 9"));
  EXPECT_TRUE(Has(Error({"", "true"}), "is empty"));
  EXPECT_TRUE(Has(Error({"", "yes hunter2"}), "prints more than 65536 bytes"));
  EXPECT_TRUE(Has(Error({"", "no-such-program-xyz 2>/dev/null"}), "exit status 127"));
}

TEST(HidePasswords, Keywords) {
  EXPECT_EQ(HidePasswords("host=a password=b dbname=c"), "host=a password=*** dbname=c");
  EXPECT_EQ(HidePasswords("--conninfo=password = 'it\\'s b' port=1"),
            "--conninfo=password = *** port=1");
  EXPECT_EQ(HidePasswords("password=a\\ b user=c"), "password=*** user=c");
  EXPECT_EQ(HidePasswords("sslpassword=a password='b"), "sslpassword=*** password=***");
  for (const char* plain : {"dbname=password", "require_auth=password host=a", "passfile=/a",
                            "--password-file=/a", "password", "password=", "host=a"}) {
    EXPECT_EQ(HidePasswords(plain), plain);
  }
}

TEST(HidePasswords, Urls) {
  EXPECT_EQ(HidePasswords("postgresql://u:p%40q@h:1/d?a=b"), "postgresql://u:***@h:1/d?a=b");
  EXPECT_EQ(HidePasswords("--conninfo=postgres://u:p@h"), "--conninfo=postgres://u:***@h");
  EXPECT_EQ(HidePasswords("postgresql://h/d?user=u&password=it's me&port=1"),
            "postgresql://h/d?user=u&password=***&port=1");
  for (const char* plain :
       {"postgresql://u@h:1/d", "postgresql://h:1/d", "postgresql:///d?host=/a@b:c"}) {
    EXPECT_EQ(HidePasswords(plain), plain);
  }
}

TEST(Arguments, AreTakenAndHidden) {
  std::string program = "millrace", plain = "status", secret = "password=abc host=h";
  char* argv[] = {program.data(), plain.data(), secret.data()};
  EXPECT_EQ(TakeArguments(3, argv), (std::vector<std::string>{"status", "password=abc host=h"}));
  EXPECT_STREQ(argv[1], "status");
  EXPECT_STREQ(argv[2], "password=*** host=h");
  EXPECT_EQ(secret.size(), 19U);
}

TEST(WithPassword, InAnyString) {
  EXPECT_EQ(WithPassword("host=a password=old", "new"), "host='a' password='new'");
  EXPECT_EQ(WithPassword("mydb", "it's"), "dbname='mydb' password='it\\'s'");
  EXPECT_EQ(WithPassword("postgresql://u:p@h:5/d?sslmode=require", "n"),
            WithPassword("sslmode=require user=u host=h port=5 dbname=d", "n"));
  try {
    (void)WithPassword("host=a secret", "new");
    FAIL();
  } catch (const CliError& e) {
    EXPECT_EQ(std::string(e.what()).find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace
