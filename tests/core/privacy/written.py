"""Sentences written by hand: what must be masked in them, between ``«`` and ``»`` with its kind, and what must stay."""

MASKED = """
Write to «email:anna@example.com».
Write to «email:anna.smith+shop@mail.example.co.uk», please
«email:ANNA@EXAMPLE.COM» is my address
My e-mail: «email:o'brien_99@sub-domain.example.org».
mail me (at «email:jan@firma.de»)
<«email:first.last@company.io»>
mailto:«email:x@y.cn»
邮箱是«email:zhangsan@qq.com»谢谢
我的邮箱«email:li.si@163.com»，请回复
请发到«email:wang_wu@mail.example.com.cn»。
邮箱：«email:zhang＠example．com»
邮箱«email:12345678@qq.com»没收到
contact «email:rené@exämple.fr» today
«email:anna(at)example.com» or «email:bob[at]example.org»
«email:anna @ example.com» please
two: «email:a@b.co», «email:c@d.co»
我的电话是«phone:13812345678»谢谢
电话«phone:138 1234 5678»
手机：«phone:138-1234-5678»
手机号«phone:139.1234.5678»，打给我
«phone:１３８１２３４５６７８»是我的号码
«phone:１３８－１２３４－５６７８»
«phone:+86 138 1234 5678»
«phone:+8613812345678»联系我
«phone:(+86)13812345678»
«phone:0086 13812345678»
«phone:86-13812345678»请回电
打«phone:19912345678»找小王
微信同号«phone:17612345678»。
收货人电话«phone:15012345678»地址不变
快递员说打不通«phone:18612345678»这个号
我手机«phone:1 3 8 1 2 3 4 5 6 7 8»
请拨«phone:010-62345678»
固话«phone:021 6234 5678»
座机(«phone:0571-88123456»)
«phone:(010) 62345678»转接
«phone:0755-8123 4567»
座机«phone:01062345678»
«phone:0431-8812345»有人接吗
总机«phone:010-62345678转801»
客服«phone:400-820-8820»一直占线
客服«phone:4008-208-820»打不通
call me at «phone:415-555-2671»
Call «phone:(415) 555-2671» now
«phone:(415)555-2671» is mine
«phone:415.555.2671» works too
«phone:415 555 2671» is my cell
«phone:1-415-555-2671»
«phone:+1 415 555 2671», after six
«phone:+1 (415) 555-2671»
«phone:+14155552671»
my phone number is «phone:4155552671»
Phone: «phone:5552671» (local)
text me on «phone:2025550143»
«phone:415-555-2671 ext. 42»
«phone:415-555-2671x42»
«phone:+44 20 7946 0958» in London
«phone:+44 (0)20 7946 0958»
«phone:020 7946 0958»
«phone:07700 900123» is my mobile
«phone:+49 30 901820»
«phone:+49-171-1234567»
«phone:030/901820» Berlin
«phone:06 12 34 56 78»
«phone:+33 6 12 34 56 78»
«phone:01.42.68.53.00»
«phone:+81 3-1234-5678»
«phone:+852 2123 4567»
«phone:+91 98765 43210»
«phone:0044 20 7946 0958»
«phone:+55 11 91234-5678»
WhatsApp «phone:9876543210» please
tel.«phone:13812345678»
TEL«phone:13812345678»
Tel:«phone:021-62345678»
fax «phone:6234-5678»
联系电话为«phone:62345678»
my number changed: phone «phone:555-0199»
card «card:4111111111111111» was charged
card «card:4111 1111 1111 1111» twice
«card:4111-1111-1111-1111»
«card:5500 0000 0000 0004»
«card:5555555555554444»
«card:2223003122003222» mastercard
amex «card:3782 822463 10005»
amex «card:378282246310005»
«card:6011111111111117» discover
«card:3530111333300000»
«card:30569309025904» diners
卡号«card:6222021234567890128»被扣款
银行卡«card:6222 0212 3456 7890 128»
银联卡号：«card:６２２２０２１２３４５６７８９０１２８»
信用卡«card:4111.1111.1111.1111»
paid with «card:4111111111111111» exp 12/26
«card:4111 1111 1111 1111» 123
ref 12 «card:4111 1111 1111 1111»
身份证«id:11010519491231002X»
身份证号码是«id:11010519491231002x»请核实
身份证：«id:110105 19491231 002X»
«id:440308199901101512»
实名«id:４４０３０８１９９９０１１０１５１２»没通过
老身份证«id:110105491231002»
ID«id:440308199901101512»
我叫李明«id:440308199901101512»号
香港身份证«id:A123456(3)»
SSN «id:123-45-6789»
my ssn is «id:123456789»
social security number «id:123 45 6789»
«id:078-05-1120» is not a phone
passport «id:C01X00T47»
passport number: «id:E12345678»
护照«id:G12345678»丢了
护照号码«id:EA1234567»
passport no «id:123456789»
QQ号«id:123456789»
qq:«id:10001234»
IBAN «iban:GB82 WEST 1234 5698 7654 32»
«iban:GB82WEST12345698765432» please
«iban:DE89 3704 0044 0532 0130 00»
refund to «iban:DE89370400440532013000».
«iban:FR14 2004 1010 0505 0001 3M02 606»
«iban:NL91ABNA0417164300»
转到«iban:GB82WEST12345698765432»账户
from IP «ip:192.168.10.4»
«ip:203.0.113.77» was blocked
登录地址«ip:8.8.128.10»异常
«ip:2001:db8::8a2e:370:7334» too
https://«secret:anna:hunter2»@example.com/login
https://example.com/reset?token=«secret:abc123def456»&lang=en
https://example.com/a?lang=zh&access_token=«secret:eyJhbGciOi»
链接https://example.com/x?password=«secret:geheim123»打不开
https://example.com/?sig=«secret:0a1b2c3d»#top
Authorization: Bearer «secret:abcdefghijklmnop1234»
«phone:1 3 8 1234 5678» is mine
«phone:07911123456» is my mobile
«card:4111  1111  1111  1111» with two spaces
my social is «id:123 45 6789»
聯繫電話：«phone:62345678»
手機號碼«phone:0912345678»
護照號碼«id:E12345678»
寫到«email:test@例子.公司»吧
1.«phone:13812345678» 2.«phone:13912345678»
"""

STAYS = """
The order 10023 is late.
order number 2024011512345
Order #4155552671 has not arrived
My order 13812345678 is lost
订单号13812345678没到
订单20240115001还没发货
运单号: 13900001111
快递单号4001234567890
ORD13812345678
SN_13812345678
invoice 415-555-2671 is wrong
It cost 1299.00 dollars
It costs $1,299,000.00 in all
价格是12999元，优惠了3000元
共计1234567.89元
预算15000-200000元
13000-150000之间
sent via @user.com
满199减100，满299减150
on 2024-01-15 at 10:30:00
from 2024-01-15 to 2024-02-20
2024/01/15 10:30
15.01.2024 and 16.01.2024
20240115 103000
2024年01月15日10点30分
2024-01-15T10:30:00+08:00
1705312200 seconds
1705312200123 is a timestamp
at 12:30:45.123
version 10.0.19041.1
version 1.2.3.4 crashes
v10.15.7.100 is fine
版本10.0.18.362有问题
iOS 17.2.1 and Android 14
App 3.14.159
build 20.4.11.8
9:00-18:00 on weekdays
rooms 101-120
pages 120-145
Size 42-44, 100-120 cm
10-20-30 or 40-50-60
I waited 45 minutes, 3 times
5 stars 10/10
100% of 2000
1 2 3 4 5
1234 5678
12345
123456
1234567
3.1415926535
2.718281828459045
1e10 and 1.5e-3
-273.15
0.0001234
1,000,000,000
10 000 000
4111111111111112 is no card
1234567890123456
6222021234567890129
0000000000000000
440308199901101513
110105194912310021
990105194912310021
000-12-3456
666-12-3456
900-12-3456
123-00-4567
@anna thanks
follow @example_shop
meet @ 5 pm
a@b
user@localhost
5 @ 3.99
email me
我的邮箱没收到
电话打不通
身份证还没办
请拨打客服电话
GB83 WEST 1234 5698 7654 32
AB12 CDEF
FR is a country, DE89 a model
SKU A1234567
model E12345678
part G12345678 is missing
航班CA1234
flight MU5137 on 12 Jan
G1234次列车
iPhone 15 Pro Max 256GB
RTX 4090 24GB 1299
HTTP 404, 500 and 503
error code 0x80070005
ISBN 978-3-16-148410-0
2 x 4 x 6 = 48
16:9 and 4:3
std::vector a::b
12:30
00:1A:2B:3C:4D:5E
key: value, code = 12
https://example.com/?page=2&lang=en
https://example.com/product/13579
http://example.com:8080/path
the token is lost
bearer of bad news
password
1.2.3.4
三个月前买的，用了2次
第3次联系了
13天138元
买了138件，每件1234元，共5678元
余额12345678.90
积分 98765432
房号 1203
楼栋3-2-1501
2023-2024
text 2024-01-15
call at 2024-01-15 10:30
手机2024-01-15
13812345678.50元
0.13812345678
180/110=1.6363636363636365
1.6222021234567890128
訂單號碼13812345678沒到
订单号码13812345678没到
1990-1999, 2000-2009
No. 12345
"""
