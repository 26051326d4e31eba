using System.Security.Cryptography;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// BouncyCastle's cryptography with the system's AES-GCM for records (RFC 5288 section 3, RFC 6347 section 4.1.2): its own
/// expands the key and its tables again for each record, which is 1.5 KB of garbage and many times the work.
/// </summary>
internal sealed class DtlsCrypto() : BcTlsCrypto(new SecureRandom())
{
    protected override TlsAeadCipher CreateCipher_Aes_Gcm(TlsCryptoParameters cryptoParams, int cipherKeySize, int macSize) =>
        new(cryptoParams, new Gcm(encrypt: true), new Gcm(encrypt: false), cipherKeySize, macSize, TlsAeadCipher.AEAD_GCM);

    private sealed class Gcm(bool encrypt) : TlsAeadCipherImpl
    {
        private AesGcm? _cipher;
        private byte[] _nonce = [];
        private byte[] _additional = [];
        private int _tag;
        private byte[] _key = [];

        public void SetKey(byte[] key, int keyOff, int keyLen) => SetKey(key.AsSpan(keyOff, keyLen));

        public void SetKey(ReadOnlySpan<byte> key) => _key = key.ToArray();

        public void Init(byte[] nonce, int macSize, byte[] additionalData)
        {
            if (_cipher is null || macSize != _tag)
            {
                _cipher?.Dispose();
                (_cipher, _tag) = (new AesGcm(_key, macSize), macSize);
            }
            (_nonce, _additional) = (nonce, additionalData ?? []);
        }

        public int GetOutputSize(int inputLength) => encrypt ? inputLength + _tag : Math.Max(0, inputLength - _tag);

        public int DoFinal(byte[] input, int inputOffset, int inputLength, byte[] output, int outputOffset)
        {
            if (encrypt)
            {
                var sealedBytes = output.AsSpan(outputOffset, inputLength + _tag);
                _cipher!.Encrypt(_nonce, input.AsSpan(inputOffset, inputLength), sealedBytes[..inputLength],
                    sealedBytes[inputLength..], _additional);
                return sealedBytes.Length;
            }
            var length = inputLength - _tag;
            if (length < 0)
                throw new TlsFatalAlert(AlertDescription.decode_error);
            try
            {
                var coded = input.AsSpan(inputOffset, inputLength);
                _cipher!.Decrypt(_nonce, coded[..length], coded[length..], output.AsSpan(outputOffset, length), _additional);
                return length;
            }
            catch (AuthenticationTagMismatchException)
            {
                throw new TlsFatalAlert(AlertDescription.bad_record_mac);
            }
        }

        public int DoFinal(byte[] additionalData, byte[] input, int inputOffset, int inputLength, byte[] output, int outputOffset)
        {
            _additional = additionalData ?? [];
            return DoFinal(input, inputOffset, inputLength, output, outputOffset);
        }

        public void Reset()
        {
        }
    }
}
